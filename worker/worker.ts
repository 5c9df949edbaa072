/** A worker from start to end: listen, load the models, serve, drain. */
import { setMaxListeners } from 'node:events';
import { access, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { refusal } from '../shared/api/problem.ts';
import type { WorkerConfig } from './config.ts';
import { startServer } from './http/server.ts';
import { createGate } from './service/gate.ts';
import type { Log } from './service/log.ts';
import { createModels } from './service/models.ts';
import { warmUp } from './service/warmUp.ts';
import { loadModelSet } from './session/registry.ts';
import { serveModel } from './tasks/servedModel.ts';
import { closeThreads } from './threads/inThread.ts';

export interface Worker {
  readonly url: string;
  /** Resolves when every model is loaded and warm. @throws Error when one cannot be loaded */
  readonly ready: Promise<void>;
  /**
   * Takes no more requests, gives running ones the configured time, ends what remains with a failure that
   * invites to try elsewhere, and frees the models when nothing runs on them any more.
   */
  readonly close: () => Promise<void>;
  /** Ends the time of running requests now. */
  readonly hurry: () => void;
}

/** Time for the answers of requests that were ended to reach their callers. */
const FLUSH_MILLISECONDS = 2_000;

/** Sub-folders of the models folder that hold a `set.json`, in order of name. */
async function findSets(modelsFolder: string): Promise<string[]> {
  const entries = await readdir(modelsFolder).catch((cause: unknown) => {
    throw new Error(`FOURM_MODELS_DIR: the folder ${modelsFolder} cannot be read`, { cause });
  });
  const found: string[] = [];
  for (const entry of entries.sort()) {
    // An export that is under way, or was killed, writes under such a name.
    if (entry.includes('.partial-')) continue;
    const folder = join(modelsFolder, entry);
    const isSet = await access(join(folder, 'set.json')).then(
      () => true,
      () => false,
    );
    if (isSet) found.push(folder);
  }
  if (found.length === 0) {
    throw new Error(`FOURM_MODELS_DIR: no sub-folder of ${modelsFolder} holds a set.json`);
  }
  return found;
}

/**
 * Starts a worker, which listens at once (alive, not ready) and loads its models.
 * @throws Error when there are no models, or the address is taken
 */
export async function startWorker(config: WorkerConfig, log: Log): Promise<Worker> {
  const { threads, device } = config;
  const models = createModels({
    folders: await findSets(config.modelsFolder),
    open: async (folder, signal) => {
      const options = { device, signal, ...(threads !== undefined && { threads }) };
      return await serveModel(await loadModelSet(folder, options));
    },
    warmUp,
    log,
  });
  const stopped = new AbortController();
  const hurried = new AbortController();
  // Every job listens to both, and lets go of them when it ends: many jobs are no leak.
  setMaxListeners(0, stopped.signal, hurried.signal);
  let stopping = false;
  const services = {
    secret: config.secret,
    gate: createGate(config.slots, config.queue),
    log,
    models,
    isStopping: () => stopping,
    stopped: stopped.signal,
  };
  const server = await startServer(services, config.host, config.port);
  const url = `http://${config.host}:${server.port}`;

  const load = async (): Promise<void> => {
    await models.load(stopped.signal);
    const message = `the worker is ready at ${url}`;
    log({ event: 'ready', message, url, models: models.descriptions().map(({ id }) => id) });
  };
  const ready = load();
  ready.catch(() => {});

  async function drain(): Promise<void> {
    stopping = true;
    const running = services.gate.running();
    const waiting = services.gate.waiting();
    const { drainSeconds } = config;
    const message = `the worker stops; ${running + waiting} requests have ${drainSeconds} s to end`;
    log({ event: 'stopping', message, running, waiting });
    const closed = server.stop();
    const time = sleep(drainSeconds * 1000, undefined, { signal: hurried.signal, ref: false });
    await Promise.race([closed, time.catch(() => undefined)]);
    const detail = 'the worker is stopping, and the time that it gives to running requests is over';
    stopped.abort(refusal('not_ready', detail, undefined, { retryAfterSeconds: 1 }));
    await Promise.race([closed, sleep(FLUSH_MILLISECONDS, undefined, { ref: false })]);
    server.destroy();
    await closed;
    await ready.catch(() => undefined);
    await models.close();
    await closeThreads();
    log({ event: 'stopped', message: 'the worker has stopped' });
  }
  let closing: Promise<void> | undefined;
  return {
    url,
    ready,
    close: () => {
      closing ??= drain();
      return closing;
    },
    hurry: () => hurried.abort(),
  };
}
