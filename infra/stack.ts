/**
 * The whole product on one machine: exports the demo model when needed, then runs a worker process and
 * an edge process over a disk store. Used by `npm start`, by the demo's evaluation and by tests.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EXPORTER } from '../worker/export/exportCheckpoint.ts';
import { exportSet } from '../worker/export/exportSet.ts';

const here = dirname(fileURLToPath(import.meta.url));
/** Root of the repository: this file runs from `dist/infra/`. */
export const repositoryRoot = join(here, '..', '..');
export const demoModelFolder = join(repositoryRoot, 'infra', 'demo', 'model');

export interface StackOptions {
  /** Port of the edge; 0 takes a free one. */
  readonly port: number;
  /** Exported models and stored results live here. */
  readonly dataFolder: string;
  readonly log?: (line: string) => void;
  /** Further environment of both processes. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface Stack {
  readonly url: string;
  readonly workerUrl: string;
  /** Stops taking requests, lets running ones finish within a bound, ends both processes. */
  close(): Promise<void>;
  /** Resolves with the reason when a process ended that should not have. */
  readonly failed: Promise<string>;
}

/** A port nobody listens on now. */
export async function freePort(): Promise<number> {
  return await new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() =>
        address !== null && typeof address === 'object'
          ? resolve(address.port)
          : reject(new Error('no free port')),
      );
    });
  });
}

async function fingerprint(folder: string): Promise<string> {
  const hash = createHash('sha256');
  for (const file of (await readdir(folder)).sort()) {
    hash.update(`${file}\n`).update(await readFile(join(folder, file)));
  }
  return hash.digest('hex');
}

/** Exports the demo checkpoints into `modelsFolder` unless that was done from these very files. */
async function ensureDemoModel(modelsFolder: string, log: (line: string) => void): Promise<void> {
  const target = join(modelsFolder, '4m-shapes');
  const stamp = join(modelsFolder, '4m-shapes.source');
  const source = `${EXPORTER} ${await fingerprint(demoModelFolder)}`;
  const done = await readFile(stamp, 'utf8').catch(() => '');
  if (done === source) return;
  log('exporting the demo model to ONNX ...');
  await mkdir(modelsFolder, { recursive: true });
  await rm(target, { recursive: true, force: true });
  await exportSet(demoModelFolder, target, { id: '4m-shapes', licence: 'Apache-2.0' });
  await writeFile(stamp, source);
}

function start(script: string, env: Record<string, string>): ChildProcess {
  return spawn(process.execPath, ['--enable-source-maps', join(repositoryRoot, 'dist', script)], {
    cwd: repositoryRoot,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGTERM');
  // A process that does not end by itself within this time is stuck.
  const timer = setTimeout(() => child.kill('SIGKILL'), 15_000);
  await ended;
  clearTimeout(timer);
}

/**
 * Starts everything and resolves once the first request would succeed.
 * @throws Error when a process ends early (its own message is on stderr) or is not ready in 120 s
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  const log = options.log ?? (() => {});
  const modelsFolder = join(options.dataFolder, 'models');
  await ensureDemoModel(modelsFolder, log);

  const port = options.port === 0 ? await freePort() : options.port;
  const workerPort = await freePort();
  const secret = randomBytes(32).toString('hex');
  const url = `http://localhost:${port}`;
  const workerUrl = `http://127.0.0.1:${workerPort}`;
  let closing = false;
  let fail: (reason: string) => void = () => {};
  const failed = new Promise<string>((resolve) => {
    fail = resolve;
  });
  const watch = (name: string, child: ChildProcess): ChildProcess => {
    child.once('exit', (code, signal) => {
      if (!closing) fail(`the ${name} process ended (${signal ?? `exit code ${code}`})`);
    });
    return child;
  };

  log('starting the worker ...');
  const worker = watch(
    'worker',
    start('worker/main.js', {
      ...options.env,
      FOURM_WORKER_PORT: String(workerPort),
      FOURM_WORKER_HOST: '127.0.0.1',
      FOURM_MODELS_DIR: modelsFolder,
      FOURM_WORKER_SECRET: secret,
    }),
  );
  const edge = watch(
    'edge',
    start('edge/node.js', {
      ...options.env,
      PORT: String(port),
      FOURM_WORKERS: workerUrl,
      FOURM_WORKER_SECRET: secret,
      FOURM_STORE: 'disk',
      FOURM_STORE_DIR: join(options.dataFolder, 'store'),
    }),
  );
  const close = async (): Promise<void> => {
    closing = true;
    // The edge first: it still needs the worker for what is running.
    await stop(edge);
    await stop(worker);
  };

  const ready = (async () => {
    const deadline = Date.now() + 120_000;
    // The worker takes longest; asking the edge before it is there would only fill the log.
    for (const address of [`${workerUrl}/v2/health/ready`, `${url}/readyz`]) {
      for (;;) {
        const answer = await fetch(address).catch(() => undefined);
        if (answer?.status === 200) break;
        if (Date.now() > deadline) throw new Error(`${address} is not ready after 120 seconds`);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  })();
  try {
    await Promise.race([
      ready,
      failed.then((reason) => {
        throw new Error(reason);
      }),
    ]);
  } catch (cause) {
    await close();
    throw new Error(`4M Edge could not start: ${cause instanceof Error ? cause.message : cause}`, {
      cause,
    });
  }
  return { url, workerUrl, close, failed };
}
