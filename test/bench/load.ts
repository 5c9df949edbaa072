/**
 * The running product under 1, 2, 8 and 32 callers at once, over HTTP: requests a second, and the times that
 * callers wait, with the demo model and with one of the size of 4M-B (`--precision int8` for another than
 * fp32). Ratios are to one caller, within this run. Callers send four pictures in turn, of which a worker
 * remembers what it has read; `--fresh` makes each a new one.
 */
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startStack } from '../../infra/stack.ts';
import { PRECISIONS, type Precision } from '../../shared/model/precisions.ts';
import { drive, percentile, perSecond, type Round, refused } from './load/drive.ts';
import { exportRandomSet } from './load/randomSet.ts';
import { type Kind, pictures, requestsOf } from './load/requests.ts';
import type { BenchRow } from './main.ts';

const CLIENTS = [1, 2, 8, 32] as const;
/** Requests of one caller, and of each of several. */
const ROUNDS: Readonly<Partial<Record<Kind, readonly [one: number, several: number]>>> = {
  caption64_b: [3, 1],
  caption_demo: [24, 6],
  depth_demo: [60, 10],
};
/** Long texts that others write while somebody asks for a picture. */
const WRITERS = 8;
const INTERACTIVE = 20;

const option = (name: string): string | undefined =>
  process.argv[process.argv.indexOf(name) + 1 || process.argv.length];

function precisionAsked(): Precision {
  const asked = option('--precision') ?? 'fp32';
  const found = PRECISIONS.find((precision) => precision === asked);
  if (!found) throw new Error(`--precision must be one of ${PRECISIONS.join(', ')}`);
  return found;
}

const row = (name: string, value: number, unit: string, what: string): BenchRow => ({
  name,
  value,
  unit,
  what,
});

/** Rows of one kind of request under each number of callers. */
async function concurrency(
  url: string,
  kind: Kind,
  scenes: readonly string[],
): Promise<BenchRow[]> {
  const [one, several] = ROUNDS[kind] ?? [1, 1];
  await drive(url, 2, requestsOf(kind, 4, scenes));
  const rows: BenchRow[] = [];
  let alone: Round | undefined;
  for (const clients of CLIENTS) {
    const count = clients === 1 ? one : clients * several;
    const round = await drive(url, clients, requestsOf(kind, count, scenes));
    alone ??= round;
    const named = `${kind}_${clients}`;
    const who = clients === 1 ? 'one caller' : `${clients} callers`;
    rows.push(
      row(`${named}_per_second`, perSecond(round), '', `requests a second, ${who}`),
      row(`${named}_p50`, percentile(round.calls, 0.5), 'ms', 'half of the answers within'),
      row(`${named}_p99`, percentile(round.calls, 0.99), 'ms', '99 % of the answers within'),
      row(`${named}_refused`, refused(round), '', 'requests that were not answered 200'),
    );
    if (clients > 1)
      rows.push(
        row(
          `${kind}_ratio_${clients}`,
          perSecond(round) / perSecond(alone),
          'x',
          `requests a second of ${who} to one`,
        ),
      );
  }
  return rows;
}

/** A picture for somebody who waits, while others have long texts written. */
async function mixed(url: string, scenes: readonly string[]): Promise<BenchRow[]> {
  const ask = () => drive(url, 1, requestsOf('depth_b', INTERACTIVE, scenes));
  const alone = await ask();
  let over = false;
  const writer = async (): Promise<void> => {
    while (!over) await drive(url, 1, requestsOf('caption256_b', 1, scenes));
  };
  const writers = Array.from({ length: WRITERS }, writer);
  await new Promise((resolve) => setTimeout(resolve, 3000));
  const beside = await ask();
  over = true;
  await Promise.all(writers);
  const [typical, worst] = [percentile(alone.calls, 0.5), percentile(beside.calls, 0.99)];
  return [
    row('depth_b_alone_p50', typical, 'ms', 'rgb -> depth, nobody else asks'),
    row('depth_b_alone_p99', percentile(alone.calls, 0.99), 'ms', 'the slowest of them'),
    row('depth_b_mixed_p50', percentile(beside.calls, 0.5), 'ms', '8 long captions are written'),
    row('depth_b_mixed_p99', worst, 'ms', 'the slowest of them'),
    row('mixed_p99_over_alone', worst / typical, 'x', 'the slowest beside captions, to one alone'),
  ];
}

export async function bench(): Promise<BenchRow[]> {
  const precision = precisionAsked();
  const dataFolder = await mkdtemp(join(tmpdir(), '4m-load-'));
  const output = await open(option('--output') ?? join(dataFolder, 'output.log'), 'w');
  try {
    const only = option('--only')?.split(',');
    const isAsked = (name: string): boolean => only?.includes(name) ?? true;
    const needsRandom = isAsked('caption64_b') || isAsked('mixed');
    if (needsRandom) await exportRandomSet(join(dataFolder, 'models'), precision);
    const stack = await startStack({ port: 0, dataFolder, output: output.fd });
    try {
      const scenes = await pictures();
      const rows: BenchRow[] = [];
      for (const kind of ['caption64_b', 'caption_demo', 'depth_demo'] as const)
        if (isAsked(kind)) rows.push(...(await concurrency(stack.url, kind, scenes)));
      if (isAsked('mixed')) rows.push(...(await mixed(stack.url, scenes)));
      return rows;
    } finally {
      await stack.close();
    }
  } finally {
    await output.close();
    await rm(dataFolder, { recursive: true, force: true });
  }
}
