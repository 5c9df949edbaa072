/** Models in memory: loaded, proved to run, and freed, with the bytes that each step holds. */
import type { Log } from '../log.ts';
import type { WorkerMetrics } from '../metrics.ts';
import type { Served } from '../tasks/servedModel.ts';
import type { Loaded, Place } from './place.ts';
import { watchSteps } from './watchSteps.ts';

/** Told where the slower form of 8 bits had to be loaded. */
const UNSIGNED = {
  message:
    'weights of 8 bits are read unsigned: signed ones overflow on this processor (it lacks VNNI)',
} as const;

export interface HoldingsOptions {
  /** Bytes of all models at most. */
  readonly budget: number;
  /** @throws Error when the model does not run */
  readonly warmUp: (model: Served, signal?: AbortSignal) => Promise<void>;
  readonly log: Log;
  readonly metrics: WorkerMetrics;
  readonly now: () => number;
}

export interface Holdings {
  /** Bytes that nothing takes. */
  readonly free: () => number;
  /** Bytes that are being freed. */
  readonly leaving: () => number;
  /** Loads done and models freed so far. */
  readonly counts: () => { readonly loads: number; readonly evictions: number };
  /** @throws Error when it cannot be loaded or does not run; the signal's reason. Nothing is held then */
  readonly load: (place: Place, signal: AbortSignal) => Promise<Loaded>;
  /** Takes a model out of its place and frees it. @returns when its bytes are free */
  readonly release: (place: Place) => Promise<void>;
  readonly evict: (place: Place, why: string) => Promise<void>;
}

export function createHoldings({ budget, warmUp, log, metrics, now }: HoldingsOptions): Holdings {
  let [held, leaving, loads, evictions] = [0, 0, 0, 0];

  async function open({ offer }: Place, signal: AbortSignal): Promise<Served> {
    const model = await offer.open(signal);
    try {
      const { digest } = model.description;
      // Results are kept under the digest that is told to others: another model must not make them.
      if (digest !== offer.description.digest)
        throw new Error(`${offer.origin} holds another model now, with the digest ${digest}`);
      await warmUp(model, signal);
      return model;
    } catch (error) {
      await model.close();
      throw error;
    }
  }

  async function release(place: Place): Promise<void> {
    const { loaded, offer } = place;
    if (!loaded) return;
    place.loaded = undefined;
    leaving += offer.bytes;
    try {
      await loaded.model.close();
    } finally {
      leaving -= offer.bytes;
      held -= offer.bytes;
    }
  }

  return {
    free: () => budget - held,
    leaving: () => leaving,
    counts: () => ({ loads, evictions }),
    async load(place, signal) {
      const started = now();
      const { bytes, description } = place.offer;
      held += bytes;
      place.loadingSince = started;
      try {
        const model = await open(place, signal);
        loads++;
        watchSteps(model, metrics);
        const loadedAt = now();
        place.loadMilliseconds = loadedAt - started;
        place.loaded = { model, loadedAt, uses: 0, usedAt: loadedAt };
        const milliseconds = Math.round(place.loadMilliseconds);
        const { id, digest } = description;
        metrics.observe('loadSeconds', { model: id }, place.loadMilliseconds / 1000);
        // How long others may wait for a run of it.
        const bounds = model.scheduling?.().bounds;
        const note = model.loaded.form === 'unsigned' ? UNSIGNED : undefined;
        log({ event: 'loaded', ...note, model: id, digest, bytes, milliseconds, ...bounds });
        return place.loaded;
      } catch (error) {
        held -= bytes;
        if (!signal.aborted) metrics.count('loadFailures', { model: description.id });
        throw error;
      } finally {
        place.loadingSince = undefined;
      }
    },
    release,
    async evict(place, why) {
      const { id } = place.offer.description;
      const { bytes } = place.offer;
      evictions++;
      metrics.count('evictions', { model: id });
      log({ event: 'evicted', message: `the model ${id} is freed: ${why}`, model: id, bytes });
      await release(place);
    },
  };
}
