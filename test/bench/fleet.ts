/**
 * `npm run bench -- fleet [--device cuda|cpu] [--captions 0.2] [--price DOLLARS] [--cold SECONDS] [--seed N]
 * [--most WORKERS] [--json]`: a simulated fleet, by discrete events: the real rules of batching, admission and dispatch,
 * KEDA's own rules with the numbers of infra/kubernetes, and measured times. It prints what a request costs and how
 * long it takes at rates that keep 1 to 10,000 workers busy, and what saturates first.
 */

import { measureEdge } from './fleet/edgeCost.ts';
import { TIMES, timeOn } from './fleet/measured.ts';
import { countOperations, total } from './fleet/operations.ts';
import { type Load, resourcesOf, saturations } from './fleet/saturation.ts';
import { readScaling } from './fleet/scalingFile.ts';
import { type FleetResult, type FleetSettings, simulate } from './fleet/simulate.ts';
import type { BenchRow } from './main.ts';

const FLEETS = [1, 3, 10, 30, 100, 300, 1000, 3000, 10_000];
/** Workers that are simulated one by one; in larger fleets one stands for several. */
const PART = 25;
/** Until a fleet of so many has grown, and shrunk to what it needs: it doubles and shrinks step by step. */
const settleSeconds = (workers: number): number => 1500 + 350 * Math.log10(workers);
const MEASURE_SECONDS = 300;
/** What a fleet's rate is of the most that its workers can do. */
const UTILISATION = 0.7;

function option(name: string, fallback: number): number {
  const at = process.argv.indexOf(`--${name}`);
  if (at < 0) return fallback;
  const value = Number(process.argv[at + 1]);
  if (!Number.isFinite(value) || value < 0) throw new Error(`--${name} needs a number`);
  return value;
}

const deviceAt = process.argv.indexOf('--device');
const deviceName = deviceAt < 0 ? 'cuda' : process.argv[deviceAt + 1];

const seconds = (value: number): string => `${value.toPrecision(3)} s`;

function print(columns: readonly string[], widths: readonly number[]): void {
  console.log(columns.map((text, i) => text.padStart(widths[i] ?? 0)).join('  '));
}

const HEADS = [
  'workers',
  'requests/s',
  'p50',
  'p99',
  'while growing',
  'refused',
  'busy',
  '$ per 1,000',
];
const WIDTHS = [8, 10, 9, 9, 13, 8, 6, 11];

export async function bench(): Promise<BenchRow[]> {
  if (deviceName !== 'cuda' && deviceName !== 'cpu') throw new Error('--device is cuda or cpu');
  const times = {
    ...TIMES[deviceName],
    price: option('price', TIMES[deviceName].price),
    coldStart: option('cold', TIMES[deviceName].coldStart),
  };
  const captions = option('captions', 0.2);
  const most = option('most', 10_000);
  const common = {
    times,
    captions,
    seed: option('seed', 1),
    slots: 32,
    jobSlots: 16,
    queueTokens: 1_000_000,
  };
  console.log(
    `${captions * 100} % of the requests want a caption of 256 tokens, the others a depth picture.`,
  );
  for (const [what, source] of Object.entries(times.sources)) console.log(`  ${what}: ${source}`);

  /** What one worker answers in a second when it always has as many jobs as slots. */
  const jobs = readScaling('fourm-jobs');
  const alone: Omit<FleetSettings, 'path' | 'rate' | 'scaling'> = {
    ...common,
    initial: 1,
    grain: 1,
    settleSeconds: 60,
    measureSeconds: 300,
    isFixed: true,
  };
  const flooded = simulate({
    ...alone,
    path: 'jobs',
    scaling: jobs,
    rate: 2000 / timeOn(times.predict, 1),
  });
  const capacity = flooded.answeredASecond;
  const rows: BenchRow[] = [
    {
      name: `${deviceName}.capacity`,
      value: capacity,
      unit: '/s',
      what: 'requests that one worker answers, at most',
    },
  ];

  const results = new Map<string, FleetResult>();
  for (const path of ['jobs', 'direct'] as const) {
    const scaling = path === 'jobs' ? jobs : readScaling('fourm-worker');
    console.log(
      `\n${path === 'jobs' ? 'Jobs, from the queue' : 'Direct requests'}, from ${scaling.minReplicaCount} workers on:`,
    );
    print(HEADS, WIDTHS);
    for (const workers of FLEETS.filter((size) => size <= most)) {
      const rate = workers * capacity * UTILISATION;
      const result = simulate({
        ...common,
        path,
        rate,
        // As many as it takes: the file's own bound is a purse's.
        scaling: { ...scaling, maxReplicaCount: Math.max(20, 4 * workers) },
        initial: scaling.minReplicaCount,
        grain: Math.max(1, workers / PART),
        settleSeconds: settleSeconds(workers),
        measureSeconds: MEASURE_SECONDS,
      });
      results.set(`${path} ${workers}`, result);
      const cost = (result.workerSecondsARequest * 1000 * times.price) / 3600;
      print(
        [
          result.meanWorkers.toFixed(1),
          rate.toPrecision(3),
          seconds(result.p50),
          seconds(result.p99),
          seconds(result.worstWhileGrowing),
          `${(result.refused * 100).toFixed(1)} %`,
          `${(result.utilisation * 100).toFixed(0)} %`,
          cost.toPrecision(3),
        ],
        WIDTHS,
      );
      const add = (name: string, value: number, unit: string, what: string): void =>
        void rows.push({ name: `${deviceName}.${path}.${workers}.${name}`, value, unit, what });
      add('rate', rate, '/s', 'requests');
      add('workers', result.meanWorkers, '', 'workers that are paid for, mean');
      add('p50', result.p50, 's', 'half of the answers');
      add('p99', result.p99, 's', 'of a hundred answers the slowest');
      add(
        'first',
        result.firstAnswer,
        's',
        'until the first answer, from the least that are there',
      );
      add('growing', result.worstWhileGrowing, 's', 'the slowest answer while the fleet grew');
      add('refused', result.refused, '', 'share of requests');
      add('cost', cost, '$', 'of 1,000 requests');
    }
  }
  return [...rows, ...(await saturate(capacity, results))];
}

async function saturate(
  capacity: number,
  results: ReadonlyMap<string, FleetResult>,
): Promise<BenchRow[]> {
  const operations = await countOperations();
  const edge = await measureEdge();
  const { reads, writes } = total(operations.job);
  const seconds = results.get('jobs 100')?.mean ?? results.get('jobs 10')?.mean ?? 1;
  const loadOf = (workers: number): Load => {
    const rate = workers * capacity * UTILISATION;
    return { rate, workers, seconds, open: rate * seconds };
  };
  console.log(
    `\nA job asks the store for ${writes} writes, deletes among them, and ${reads} reads. What saturates first:`,
  );
  const found = saturations(resourcesOf(operations, edge.seconds), loadOf);
  for (const { resource, workers, rate } of found) {
    const where = Number.isFinite(workers)
      ? `at ${workers.toPrecision(3)} workers, ${rate.toPrecision(3)} requests/s`
      : 'never';
    console.log(
      `  ${where}: ${resource.name} (${resource.bound} ${resource.unit}; ${resource.source})`,
    );
    console.log(`      cure: ${resource.cure}`);
  }
  const edgeRow = {
    name: 'edge.processor',
    value: edge.seconds,
    unit: 's',
    what: 'processor time of a direct request with a picture on an edge on Node',
  };
  const rows = found
    .filter(({ workers }) => Number.isFinite(workers))
    .map(({ resource, workers }) => ({
      name: `saturates.${resource.name.replaceAll(/[^a-zA-Z0-9]+/g, '_')}`,
      value: workers,
      unit: '',
      what: `workers at which: ${resource.name}`,
    }));
  return [edgeRow, ...rows];
}
