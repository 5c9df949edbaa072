/**
 * What it costs to be watched: counting a step of a model beside the step itself (the demo model's, the smallest there
 * is), a line of the log, a scrape, and what each part adds to the start of a process, in time of the processor.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { repositoryRoot } from '../../infra/paths.ts';
import { createPinoLog } from '../../shared/log/pinoLog.ts';
import { itemAt } from '../../shared/lookup.ts';
import { createPrometheus } from '../../shared/metrics/prometheus.ts';
import { type Step, tellStep } from '../../worker/batching/step.ts';
import { WORKER_METRICS } from '../../worker/metrics.ts';
import { countSteps } from '../../worker/registry/watchSteps.ts';
import { loadModelSet } from '../../worker/session/loadModels.ts';
import { runGenerate } from '../../worker/tasks/generate.ts';
import { serveModel } from '../../worker/tasks/servedModel.ts';
import { exportDemo } from '../support/demoSet.ts';
import type { BenchRow } from './main.ts';

const ROUNDS = 7;
const CALLS = 5_000;

const median = (values: readonly number[]): number =>
  itemAt(
    [...values].sort((a, b) => a - b),
    Math.floor(values.length / 2),
    'values',
  );

/** Microseconds of a call, in the best of some rounds. */
function microseconds(work: () => void): number {
  const rounds = Array.from({ length: ROUNDS }, () => {
    const started = performance.now();
    for (let i = 0; i < CALLS; i++) work();
    return ((performance.now() - started) / CALLS) * 1000;
  });
  return Math.min(...rounds);
}

/** Steps of the demo model, as whoever watches is told of them. */
async function steps(): Promise<Step[]> {
  const { modelsFolder, remove } = await exportDemo();
  const model = await serveModel(await loadModelSet(join(modelsFolder, 'demo'), { threads: 1 }));
  const told: Step[] = [];
  model.scheduler.watch?.((step) => told.push(step));
  for (let seed = 0; seed < 10; seed++)
    await runGenerate(
      {
        id: 'bench',
        seed,
        request: {
          inputs: { caption: 'a red cube' },
          targets: [{ modality: 'depth', steps: 8 }],
          chained: false,
          num_samples: 1,
          outputs: 'tokens',
        },
      },
      model,
    );
  await model.close();
  await remove();
  return told;
}

/** Milliseconds of the processor that a module takes to load, beyond those of an empty process. */
function loading(module: string): number {
  const code = (work: string): string =>
    `${work}; const { user, system } = process.cpuUsage(); console.log((user + system) / 1000)`;
  const run = (work: string): number => {
    const given = ['--input-type=module', '-e', code(work)];
    const all = Array.from({ length: ROUNDS }, () =>
      Number(spawnSync(process.execPath, given, { encoding: 'utf8' }).stdout),
    );
    return Math.min(...all);
  };
  return run(`await import(${JSON.stringify(join(repositoryRoot, 'dist', module))})`) - run('');
}

export async function bench(): Promise<BenchRow[]> {
  const told = await steps();
  const step = itemAt(told, told.length - 1, 'steps');
  const stepMs = median(told.map(({ started, ended }) => ended - started));
  const metrics = createPrometheus(WORKER_METRICS, { log: () => {} });
  const onStep = countSteps('demo', metrics);
  const asker = { priority: 'interactive', tenant: 'default' } as const;
  const works = [{ asker, since: step.started - 1 }];
  const counted = microseconds(() => tellStep([onStep], works, step));
  const unheard = microseconds(() => tellStep([undefined], works, step));
  const options = { service: 'worker', level: 'info', secrets: ['a secret of a setting'] } as const;
  const log = createPinoLog(options, { write: () => {} });
  const entry = { event: 'generate', request_id: crypto.randomUUID(), model: 'demo', status: 200 };
  const line = microseconds(() =>
    log({ ...entry, id: 'a'.repeat(64), milliseconds: 12, waited: 0 }),
  );
  const started = performance.now();
  for (let i = 0; i < ROUNDS; i++) await metrics.text();
  const scrape = (performance.now() - started) / ROUNDS;
  const rows: [string, number, string, string][] = [
    ['step_counted_us', counted, 'us', 'counting one step of one request'],
    ['step_unheard_us', unheard, 'us', 'the same where nobody listens'],
    ['step_ms', stepMs, 'ms', 'the step itself: demo model, one thread'],
    ['step_counted_share', counted / 1000 / stepMs, '', 'counting it, as a share of it'],
    ['log_line_us', line, 'us', 'a line of the log, without writing it'],
    ['scrape_ms', scrape, 'ms', 'the text of all metrics'],
    ['load_pino_ms', loading('shared/log/pinoLog.js'), 'ms', 'loading the log, always'],
    [
      'load_prometheus_ms',
      loading('shared/metrics/prometheus.js'),
      'ms',
      'unless FOURM_METRICS=off',
    ],
    [
      'load_tracing_ms',
      loading('shared/tracing/openTelemetry.js'),
      'ms',
      'with an OTLP endpoint alone',
    ],
    ['load_edge_ms', loading('edge/node.js'), 'ms', 'the edge, without metrics and traces'],
  ];
  return rows.map(([name, value, unit, what]) => ({ name, value, unit, what }));
}
