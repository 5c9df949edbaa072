/**
 * The whole product on one machine: exports the demo model when needed, then keeps a worker process and an
 * edge process running over a disk store. Used by `npm start`, by the demo's evaluation and by tests.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { watchHealth } from './health.ts';
import { repositoryRoot } from './paths.ts';
import { assertPortIsFree, freePort } from './ports.ts';
import { supervise } from './supervise.ts';

export { demoModelFolder, repositoryRoot } from './paths.ts';
export { freePort } from './ports.ts';

export interface StackOptions {
  /** Port of the edge; 0 takes a free one. */
  readonly port: number;
  /** Exported models and stored results live here. */
  readonly dataFolder: string;
  readonly log?: (line: string) => void;
  /** Environment of the store that both use; a folder of the data folder when absent. */
  readonly store?: Readonly<Record<string, string>>;
  /** Further environment of both processes. */
  readonly env?: Readonly<Record<string, string>>;
  /** File descriptor of what both processes print; standard error when absent. */
  readonly output?: number;
  /** Ends everything, at any time. */
  readonly signal?: AbortSignal;
}

export interface Stack {
  readonly url: string;
  readonly workerUrl: string;
  /** Ids of the processes running now. */
  readonly pids: () => { readonly worker: number | undefined; readonly edge: number | undefined };
  /** Stops taking requests, lets running ones finish within a bound, ends both processes. */
  close(): Promise<void>;
  /** Resolves with the reason when a process dies again and again. */
  readonly failed: Promise<string>;
}

/** Time to become ready at first; large models are read from disk. */
const READY_MS = 300_000;
/** Beyond its own time for running requests, a process may take this long to end. */
const STOP_SECONDS = 15;
const DRAIN_SECONDS = 10;

function start(script: string, args: string[], options: StackOptions, env: object): ChildProcess {
  const output = options.output ?? 2;
  return spawn(
    process.execPath,
    ['--enable-source-maps', join(repositoryRoot, 'dist', script), ...args],
    {
      cwd: repositoryRoot,
      env: { ...process.env, ...options.env, ...env },
      // A process learns from the closed channel that its parent has gone, however that came.
      stdio: ['ignore', output, output, 'ipc'],
      // Not in the terminal's process group: Ctrl-C reaches the supervisor alone, which ends all in order.
      detached: true,
    },
  );
}

/** @throws Error when the export fails; what is wrong was printed */
async function exportDemo(modelsFolder: string, options: StackOptions): Promise<void> {
  options.signal?.throwIfAborted();
  const child = start('infra/exportDemo.js', [modelsFolder], options, {});
  const end = (): void => void child.kill('SIGTERM');
  options.signal?.addEventListener('abort', end);
  const code = await new Promise<number | null>((resolve) => child.once('exit', resolve));
  options.signal?.removeEventListener('abort', end);
  options.signal?.throwIfAborted();
  if (code !== 0) throw new Error('the demo model could not be exported');
}

async function untilReady(address: string, signal: AbortSignal): Promise<void> {
  for (;;) {
    const answer = await fetch(address, { signal }).catch(() => undefined);
    if (answer?.status === 200) return;
    signal.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/**
 * Starts everything and resolves once the first request would succeed.
 * @throws Error when the port is taken, a process ends early (its own message is on stderr) or is not
 *   ready in time; the signal's reason when it is aborted
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  const log = options.log ?? (() => {});
  const given = { ...process.env, ...options.env };
  const host = given.HOST ?? '127.0.0.1';
  // Each process tells its own on the port that it has: they could not share another one.
  const metrics = given.FOURM_METRICS === 'off' ? 'off' : 'path';
  if (options.port !== 0) await assertPortIsFree(options.port, host);
  const modelsFolder = join(options.dataFolder, 'models');
  await exportDemo(modelsFolder, options);

  const port = options.port === 0 ? await freePort() : options.port;
  const workerPort = await freePort();
  const secret = randomBytes(32).toString('hex');
  const store = options.store ?? {
    FOURM_STORE: 'disk',
    FOURM_STORE_DIR: join(options.dataFolder, 'store'),
  };
  const url = `http://localhost:${port}`;
  const workerUrl = `http://127.0.0.1:${workerPort}`;
  let fail: (reason: string) => void = () => {};
  const failed = new Promise<string>((resolve) => {
    fail = resolve;
  });
  const starting = new AbortController();
  const drainSeconds = Number(process.env.FOURM_DRAIN_SECONDS ?? DRAIN_SECONDS);
  const common = {
    log,
    stopSeconds: drainSeconds + STOP_SECONDS,
    onGivenUp: (reason: string) => fail(reason),
    // The first start does not get better by repeating it.
    onDeath: (reason: string) => starting.abort(new Error(reason)),
  };

  log('starting the worker ...');
  const health = watchHealth(`${workerUrl}/v2/health/ready`, (reason) => worker.replace(reason));
  const worker = supervise({
    ...common,
    name: 'worker',
    start: () => {
      health.reset();
      return start('worker/main.js', [], options, {
        FOURM_WORKER_PORT: String(workerPort),
        FOURM_WORKER_HOST: '127.0.0.1',
        FOURM_METRICS: metrics,
        FOURM_MODELS_DIR: modelsFolder,
        FOURM_WORKER_SECRET: secret,
        FOURM_EDGE: url,
        FOURM_COLLECTIONS:
          { ...process.env, ...options.env }.FOURM_COLLECTIONS ??
          join(options.dataFolder, 'collections'),
        // Heads that the edge keeps are read there.
        ...store,
      });
    },
  });
  const edge = supervise({
    ...common,
    name: 'edge',
    start: () =>
      start('edge/node.js', [], options, {
        PORT: String(port),
        FOURM_WORKERS: workerUrl,
        FOURM_METRICS: metrics,
        FOURM_WORKER_SECRET: secret,
        ...store,
      }),
  });
  const close = async (): Promise<void> => {
    health.stop();
    // Both at once: the edge takes nothing new and passes on what the worker still answers.
    await Promise.all([edge.stop(), worker.stop()]);
  };

  const signals = [starting.signal, AbortSignal.timeout(READY_MS)];
  if (options.signal) signals.push(options.signal);
  const starts = AbortSignal.any(signals);
  try {
    // The worker takes longest; asking the edge before it is there would only fill the log.
    await untilReady(`${workerUrl}/v2/health/ready`, starts);
    await untilReady(`${url}/readyz`, starts);
  } catch (cause) {
    await close();
    options.signal?.throwIfAborted();
    const { reason } = starts;
    throw new Error(
      `4M Edge could not start: ${reason instanceof Error ? reason.message : cause}`,
      { cause },
    );
  }
  return {
    url,
    workerUrl,
    close,
    failed,
    pids: () => ({ worker: worker.pid(), edge: edge.pid() }),
  };
}
