/** A worker from start to end: listen, load the models, serve, drain. */
import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { refusal } from '../shared/api/problem.ts';
import type { EventDocument } from '../shared/webhooks/event.ts';
import { openBatches } from './batches/open.ts';
import type { WorkerConfig } from './config.ts';
import { openConsumer } from './consumer/open.ts';
import { keepCredit } from './credit/sweep.ts';
import { createGuardedFetch } from './guard/guardedFetch.ts';
import { startServer } from './http/server.ts';
import type { Log } from './log.ts';
import { UNWATCHED } from './metrics.ts';
import { combined } from './registry/combined.ts';
import { folderSource } from './registry/folderSource.ts';
import type { OfferSource } from './registry/offer.ts';
import { createRegistry } from './registry/registry.ts';
import { watchModels } from './registry/watch.ts';
import { hubSource } from './remote/hubSource.ts';
import { storedSource } from './remote/storedSource.ts';
import { type Collections, openCollections } from './retrieval/collections.ts';
import { createGate } from './service/gate.ts';
import { warmUp } from './service/warmUp.ts';
import { keepSweeping } from './sources/sweep.ts';
import { createTakeInput } from './sources/takeInput.ts';
import { createHeadSource } from './tasks/headSource.ts';
import { closeThreads } from './threads/inThread.ts';
import { readGauges, startWatching } from './watching.ts';
import { openDeliverer } from './webhooks/open.ts';

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

/** Every place that models come from. */
async function openSources(config: WorkerConfig, log: Log): Promise<OfferSource> {
  const { threads, device, modelsFolder, modelStore, modelsHub, modelCache: cache } = config;
  const how = { threads, device, parts: config.modelParts };
  const sources: OfferSource[] = [];
  if (modelsFolder !== undefined) sources.push(folderSource(modelsFolder, how));
  if (modelStore) sources.push(storedSource(await modelStore(log), { ...how, cache }));
  if (modelsHub.length > 0) {
    const environment = config.hubEnvironment;
    sources.push(hubSource(modelsHub, { ...how, cache, log, environment }));
  }
  return combined(sources);
}

/**
 * Starts a worker, which listens at once (alive, not ready) and loads its models.
 * @throws Error when there are no models, or the address is taken
 */
export async function startWorker(config: WorkerConfig, log: Log): Promise<Worker> {
  const watching = await startWatching(config, log);
  const { metrics = UNWATCHED, tracer } = watching;
  const registry = createRegistry({
    metrics,
    source: await openSources(config, log),
    budget: config.memoryBudget,
    waitMilliseconds: config.modelWaitSeconds * 1000,
    warmUp,
    log,
  });
  const stopped = new AbortController();
  const hurried = new AbortController();
  // Every job listens to both, and lets go of them when it ends: many jobs are no leak.
  setMaxListeners(0, stopped.signal, hurried.signal);
  let stopping = false;
  let opened: Collections | undefined;
  const { collections: place } = config;
  const collections = place && ((): Collections => (opened ??= openCollections(place, log)));
  const store = await config.sharedStore?.(log);
  const services = {
    secret: config.secret,
    gate: createGate(config.slots, config.queueTokens),
    log,
    metrics,
    tracer,
    registry,
    collections,
    heads: store && createHeadSource(store),
    store,
    acceptsEveryLicence: config.acceptsEveryLicence,
    isStopping: () => stopping,
    stopped: stopped.signal,
  };
  const queues = await config.queues(log);
  const { secret, edge, batchParallel: parallel } = config;
  const worker = config.port === 0 ? randomUUID() : `${hostname()}:${config.port}`;
  const fetch = createGuardedFetch({ allow: config.urlsAllow });
  const deliverer =
    store &&
    openDeliverer(store, {
      queue: queues.webhooks,
      worker,
      fetch,
      secretsKey: config.secretsKey,
      stopped: stopped.signal,
      log,
      metrics,
    });
  const announced = async (events: readonly EventDocument[]): Promise<void> =>
    await deliverer?.take(events);
  const batches =
    store && edge !== undefined
      ? openBatches(store, {
          ...{ worker, edge, secret, parallel, announced, log, metrics },
          lookMilliseconds: queues.batch.isShared ? config.lookMilliseconds : undefined,
        })
      : undefined;
  const consumer =
    store &&
    openConsumer(store, services, {
      queues,
      sweepSeconds: config.sweepSeconds,
      lookMilliseconds: config.lookMilliseconds,
      keepDays: config.keepDays,
      worker,
      slots: config.jobSlots,
      batches,
      announced,
    });
  readGauges(metrics, { gate: services.gate, registry, slots: config.slots });
  const { exposition } = watching;
  const takeInput = createTakeInput({ fetch, store });
  const served = { ...services, consumer, deliverer, exposition, takeInput };
  const server = await startServer(served, config.host, config.port);
  const url = `http://${config.host}:${server.port}`;

  // Webhooks need no model.
  deliverer?.start();

  const load = async (): Promise<void> => {
    await registry.load(stopped.signal);
    const message = `the worker is ready at ${url}`;
    log({ event: 'ready', message, url, models: registry.descriptions().map(({ id }) => id) });
    if (!stopping) consumer?.start();
  };
  const ready = load();
  ready.catch(() => {});
  const polling = new AbortController();
  if (store) {
    const { signal } = polling;
    void keepSweeping(store, { log, signal });
    const { sweepSeconds: seconds, usageSink: sink } = config;
    void keepCredit(store, { worker, seconds, sink, log, metrics, signal });
  }
  const every = config.modelsPollSeconds * 1000;
  if (every > 0)
    void ready.then(
      () => watchModels(registry, every, { log, signal: polling.signal }),
      () => undefined,
    );

  async function drain(): Promise<void> {
    stopping = true;
    const running = services.gate.running();
    const waiting = services.gate.waiting();
    const { drainSeconds } = config;
    const message = `the worker stops; ${running + waiting} requests have ${drainSeconds} s to end`;
    log({ event: 'stopping', message, running, waiting });
    // Jobs that do not end in time go back to the store.
    // What the last jobs announce is sent as well, if there is time.
    const jobsEnded = consumer?.stop();
    const told = Promise.resolve(jobsEnded).then(() => deliverer?.stop());
    const closed = Promise.all([server.stop(), jobsEnded, told]);
    const time = sleep(drainSeconds * 1000, undefined, { signal: hurried.signal, ref: false });
    await Promise.race([closed, time.catch(() => undefined)]);
    const detail = 'the worker is stopping, and the time that it gives to running requests is over';
    stopped.abort(refusal('not_ready', detail, undefined, { retryAfterSeconds: 1 }));
    await Promise.race([closed, sleep(FLUSH_MILLISECONDS, undefined, { ref: false })]);
    server.destroy();
    await closed;
    polling.abort();
    await ready.catch(() => undefined);
    await opened?.close();
    await registry.close();
    await closeThreads();
    await watching.close();
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
