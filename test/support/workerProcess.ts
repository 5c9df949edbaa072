/** A real worker process, and signed calls to it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { signInternal } from '../../shared/api/signing.ts';
import { type WorkerGenerateRequest, workerStatusSchema } from '../../shared/api/worker.ts';
import { until } from './waiting.ts';

export const SECRET = 'a secret for this test alone';
const main = join(dirname(fileURLToPath(import.meta.url)), '../../worker/main.js');

/** A line of the log; a line that is no JSON is its `text`. */
export type Entry = Readonly<Record<string, unknown>>;

export interface WorkerProcess {
  readonly child: ChildProcess;
  readonly url: string;
  readonly entries: readonly Entry[];
  /** The first log entry that fits, past or to come. */
  readonly logged: (fits: (entry: Entry) => boolean) => Promise<Entry>;
  /** Exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>;
}

function parseLine(line: string): Entry {
  try {
    return JSON.parse(line) as Entry;
  } catch {
    return { text: line };
  }
}

/** Starts a process and does not wait for it; its `url` is the one it was told to listen on. */
export function spawnWorker(
  modelsFolder: string,
  env: Readonly<Record<string, string>> = {},
): WorkerProcess {
  const child = spawn(process.execPath, [main], {
    env: {
      PATH: process.env.PATH,
      FOURM_WORKER_PORT: '0',
      FOURM_MODELS_DIR: modelsFolder,
      FOURM_WORKER_SECRET: SECRET,
      FOURM_THREADS: '1',
      FOURM_SLOTS: '1',
      // One request at work and one that waits: each counts for half at most.
      FOURM_QUEUE_TOKENS: '2',
      ...env,
    },
    // The channel tells it when this process has gone, however that came: then it ends as well.
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const entries: Entry[] = [];
  const listeners = new Set<() => void>();
  const listen = (input: Readable | null): void => {
    if (!input) return;
    createInterface({ input }).on('line', (line) => {
      entries.push(parseLine(line));
      for (const listener of listeners) listener();
    });
  };
  listen(child.stdout);
  listen(child.stderr);
  const ended = once(child, 'close').then(([code, signal]): number | string => code ?? signal);
  const logged: WorkerProcess['logged'] = (fits) =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const found = entries.find(fits);
        if (!found) return;
        listeners.delete(look);
        resolve(found);
      };
      listeners.add(look);
      void ended.then((code) => reject(new Error(`the worker ended with ${code}`)));
      look();
    });
  const url = `http://127.0.0.1:${env.FOURM_WORKER_PORT ?? 0}`;
  return { child, url, entries, logged, ended };
}

/** As `spawnWorker`, resolved once the worker is ready. */
export async function startWorkerProcess(
  modelsFolder: string,
  env: Readonly<Record<string, string>> = {},
): Promise<WorkerProcess> {
  const worker = spawnWorker(modelsFolder, env);
  const { url } = await worker.logged(({ event }) => event === 'ready');
  return { ...worker, url: String(url) };
}

export interface CallOptions {
  readonly body?: string;
  readonly accept?: string;
  readonly secret?: string;
  /** Seconds since it was signed. */
  readonly age?: number;
  readonly signal?: AbortSignal;
}

/** A signed request. */
export async function callWorker(
  url: string,
  path: string,
  { body: text, accept, secret = SECRET, age = 0, signal }: CallOptions = {},
): Promise<Response> {
  const body = new TextEncoder().encode(text ?? '');
  const method = text === undefined ? 'GET' : 'POST';
  const signed = await signInternal(secret, { method, path }, body, Date.now() / 1000 - age);
  return await fetch(`${url}${path}`, {
    method,
    headers: { ...signed, ...(accept !== undefined && { accept }) },
    ...(text !== undefined && { body }),
    ...(signal && { signal }),
  });
}

/** Waits until a worker has so many requests at work. */
export async function untilRunning(url: string, count: number): Promise<void> {
  await until(async () => {
    const answer = await callWorker(url, '/internal/status');
    return workerStatusSchema.parse(await answer.json()).jobs.running === count;
  }, `${count} requests are at work`);
}

/** The body of a generation on the demo model. */
export const generateBody = (
  request: WorkerGenerateRequest['request'],
  more: Partial<WorkerGenerateRequest> = {},
): string =>
  JSON.stringify({ request_id: 'r1', id: 'result', model: 'demo', seed: 7, request, ...more });

/** Minutes of work on one thread. */
export const LONG: WorkerGenerateRequest['request'] = {
  inputs: { caption: 'a small red cube' },
  targets: ['rgb', 'depth', 'normal', 'semseg'].map((modality) => ({ modality, steps: 64 })),
  num_samples: 16,
};
