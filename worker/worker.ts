/** A worker from start to end: load the models, warm them up, serve, drain. */
import { access, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Modality, Model } from '../shared/api/models.ts';
import type { WorkerConfig } from './config.ts';
import { startServer } from './http/server.ts';
import { createGate } from './service/gate.ts';
import { describeError, type Log } from './service/log.ts';
import { loadModelSet } from './session/registry.ts';
import { runGenerate } from './tasks/generate.ts';
import { type ServedModel, serveModel } from './tasks/servedModel.ts';

export interface Worker {
  readonly url: string;
  /** Takes no more requests, lets running ones finish within the configured time, frees the models. */
  readonly close: () => Promise<void>;
}

/** Sub-folders of the models folder that hold a `set.json`, in order of name. */
async function findSets(modelsFolder: string): Promise<string[]> {
  const entries = await readdir(modelsFolder).catch((cause: unknown) => {
    throw new Error(`FOURM_MODELS_DIR: the folder ${modelsFolder} cannot be read`, { cause });
  });
  const found: string[] = [];
  for (const entry of entries.sort()) {
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

const sharesTokens = (a: Modality, b: Modality): boolean =>
  a.modalities.some((name) => b.modalities.includes(name));

/** A small request that touches the encoder, the decoder and a tokenizer. */
async function warmUp(model: ServedModel): Promise<void> {
  const { modalities }: Model = model.description;
  const input = modalities.find((entry) => entry.accepts.includes('tokens'));
  const target = modalities.find(
    (entry) => entry.output && entry.type === 'img' && (!input || !sharesTokens(entry, input)),
  );
  if (!input || !target) return;
  const tokens = Array.from({ length: input.type === 'img' ? input.tokens : 1 }, () => 0);
  const request = {
    inputs: { [input.name]: { tokens } },
    targets: [{ modality: target.name, steps: 1 }],
    chained: false,
    num_samples: 1,
  };
  await runGenerate({ id: 'warm-up', seed: 0, request }, model);
}

/**
 * Starts a worker: it listens at once (alive, not ready) and is ready when this resolves.
 * @throws Error when the address is taken or a model cannot be loaded
 */
export async function startWorker(config: WorkerConfig, log: Log): Promise<Worker> {
  const models: ServedModel[] = [];
  let ready = false;
  let stopping = false;
  const services = {
    secret: config.secret,
    gate: createGate(config.slots, config.queue),
    log,
    models: () => models,
    isReady: () => ready,
    isStopping: () => stopping,
    // A model that no longer runs at all (its thread has died) makes the worker unready, so that whoever
    // runs it sends nothing more and starts another.
    onModelFailure: (model: ServedModel) => {
      warmUp(model).catch((error: unknown) => {
        if (stopping) return;
        ready = false;
        log({ event: 'broken', model: model.description.id, error: describeError(error) });
      });
    },
  };
  const server = await startServer(services, config.host, config.port);
  const close = async (): Promise<void> => {
    if (stopping) return;
    stopping = true;
    log({ event: 'stopping', running: services.gate.running(), waiting: services.gate.waiting() });
    await server.drain(config.drainSeconds);
    await Promise.all(models.map((model) => model.loaded.close()));
    log({ event: 'stopped' });
  };
  try {
    for (const folder of await findSets(config.modelsFolder)) {
      const started = performance.now();
      const { threads } = config;
      const loaded = await loadModelSet(folder, threads === undefined ? {} : { threads });
      const model = await serveModel(loaded);
      const { id, digest } = model.description;
      const twice = models.some((other) => other.description.id === id);
      models.push(model);
      if (twice) throw new Error(`FOURM_MODELS_DIR: two sets have the id ${id}; ${folder} is one`);
      await warmUp(model);
      log({
        event: 'loaded',
        model: id,
        digest,
        milliseconds: Math.round(performance.now() - started),
      });
    }
  } catch (error) {
    await close();
    throw error;
  }
  ready = true;
  const url = `http://${config.host}:${server.port}`;
  log({ event: 'ready', url, models: models.map((model) => model.description.id) });
  return { url, close };
}
