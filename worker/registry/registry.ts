/**
 * The models that a worker serves, within a budget of memory. A model is loaded when it is asked for, once
 * for all who wait; `room.ts` says who makes room. It is freed only when no request is at work on it. When
 * its thread dies it is loaded again, and when its files change their new version takes its place.
 */
import type { Model, ModelState } from '../../shared/api/models.ts';
import type { Scheduling } from '../../shared/api/worker.ts';
import { selectModel } from '../../shared/plan/names.ts';
import type { Log } from '../log.ts';
import { UNWATCHED, type WorkerMetrics } from '../metrics.ts';
import { ThreadEndedError } from '../session/types.ts';
import type { Served } from '../tasks/servedModel.ts';
import { begun, createAllocation } from './allocation.ts';
import { notLoadable, replaced, stillLoading, stopping } from './failures.ts';
import { createHoldings } from './holdings.ts';
import type { OfferSource } from './offer.ts';
import { type Loaded, type Place, stateOf } from './place.ts';
import { createPlaces } from './places.ts';

export interface RegistryOptions {
  readonly source: OfferSource;
  /** Bytes of all models in memory at most; no bound when left out. */
  readonly budget?: number | undefined;
  /** @throws Error when the model does not run */
  readonly warmUp: (model: Served, signal?: AbortSignal) => Promise<void>;
  readonly log: Log;
  readonly metrics?: WorkerMetrics | undefined;
  /** Time before a model that was lost again, or could not be loaded, is tried again; it doubles. */
  readonly backoffMilliseconds?: number;
  /** Time that a request waits for its model at most. */
  readonly waitMilliseconds?: number;
  readonly now?: () => number;
}

export interface ModelStatus {
  readonly id: string;
  readonly state: ModelState;
  readonly bytes: number;
  /** Requests at work on it, and waiting for it. */
  readonly uses: number;
  readonly waiting: number;
  /** What its scheduler has done; undefined while it is not in memory, and where it generates nothing. */
  readonly scheduling: Scheduling | undefined;
}

export interface Registry {
  /**
   * Finds the models, and loads as many of them as fit, in their order.
   * @throws Error when one is at fault, when none fits the budget; the signal's reason
   */
  load(signal: AbortSignal): Promise<void>;
  /** True from then on, but while the thread of a model has died and no other model is in memory. */
  isReady(): boolean;
  /** Every model that can be asked for, in memory or not, the default one first; none before `load`. */
  descriptions(): readonly Model[];
  /** The same for callers: with where each model stands now. */
  listing(): readonly Model[];
  /** Whether a model of this id is in memory, so that nobody who asks for it has to wait for that. */
  isLoaded(id: string): boolean;
  /** The model of a name. @throws FailureError `model_not_loaded` */
  find(name: string): Model;
  /**
   * Has a model in memory while `work` runs on it.
   * @param wanted by its id, and by the digest that the work was planned for
   * @throws FailureError `not_ready` when it is waited for too long or cannot be loaded,
   *   or has been replaced by another version, `model_not_loaded`; the signal's reason; whatever `work` throws
   */
  use<T>(wanted: Wanted, signal: AbortSignal, work: (model: Served) => Promise<T>): Promise<T>;
  /** Has a model prove that it runs, after a failure that was no fault of the request. */
  check(id: string): void;
  /** Looks for models that are new, have changed or have gone. @throws Error when they cannot be read */
  refresh(): Promise<void>;
  status(): {
    readonly loads: number;
    readonly evictions: number;
    readonly models: readonly ModelStatus[];
  };
  /** Frees all models; nothing is loaded afterwards. */
  close(): Promise<void>;
}

/** A model, of this very version. */
export type Wanted = Pick<Model, 'id' | 'digest'>;

const WAIT_MILLISECONDS = 120_000;

export function createRegistry(options: RegistryOptions): Registry {
  const { source, log, warmUp, metrics = UNWATCHED, now = () => performance.now() } = options;
  const { backoffMilliseconds = 1_000, waitMilliseconds = WAIT_MILLISECONDS } = options;
  const budget = options.budget ?? Number.POSITIVE_INFINITY;
  const holdings = createHoldings({ budget, warmUp, log, metrics, now });
  const closing = new AbortController();
  const closed = closing.signal;
  const places = createPlaces({ source, budget, log, now, signal: closed });
  const { settle, lose, watch, idle } = createAllocation({
    places,
    holdings,
    log,
    now,
    backoffMilliseconds,
    signal: closed,
  });
  let started = false;

  /** @throws FailureError `not_ready`, `model_not_loaded`; the signal's reason */
  async function lease(id: string, signal: AbortSignal): Promise<[Place, Loaded]> {
    signal.throwIfAborted();
    if (closed.aborted) throw stopping();
    // Before it is looked for: a model whose files have gone may have to make room just now.
    settle();
    const place = places.find(id);
    const { loaded, failure, retryAt } = place;
    if (loaded && !place.isDrained) return [place, begun(loaded, now())];
    if (!loaded && failure !== undefined && retryAt > now())
      throw notLoadable(id, (retryAt - now()) / 1000, failure);
    const waiting = place.waiters.wait(signal, waitMilliseconds, () => {
      const seconds = Math.round(waitMilliseconds / 1000);
      return stillLoading(id, seconds, (place.loadMilliseconds ?? 5_000) / 1000);
    });
    settle();
    try {
      const given = await waiting;
      return [places.of(given) ?? place, given];
    } catch (error) {
      // Nobody may wait for it any more: then no room need be made.
      settle();
      throw error;
    }
  }

  async function use<T>(
    { id, digest }: Wanted,
    signal: AbortSignal,
    work: (model: Served) => Promise<T>,
  ): Promise<T> {
    const [place, loaded] = await lease(id, signal);
    try {
      if (loaded.model.description.digest !== digest) throw replaced(id);
      return await work(loaded.model);
    } catch (error) {
      // Its death may be told to others a moment later than to whoever waited for a run.
      if (error instanceof ThreadEndedError) lose(place, loaded, error);
      throw error;
    } finally {
      loaded.uses--;
      loaded.usedAt = now();
      settle();
    }
  }

  return {
    use,
    refresh: async () => {
      await places.refresh();
      settle();
    },
    async load(given) {
      const signal = AbortSignal.any([given, closed]);
      await places.begin(signal);
      for (const place of places.current()) {
        if (place.offer.bytes > holdings.free()) continue;
        const loaded = await holdings.load(place, signal);
        watch(place, loaded);
      }
      started = true;
      settle();
    },
    isReady: () => {
      const current = places.current();
      return (
        started && (current.some(({ loaded }) => loaded) || !current.some((one) => one.isLost))
      );
    },
    descriptions: () => (started ? places.descriptions() : []),
    listing: () =>
      started
        ? places.current().map((place) => ({ ...place.offer.description, state: stateOf(place) }))
        : [],
    isLoaded: (id) =>
      places.current().some(({ offer, loaded, isDrained }) => {
        return offer.description.id === id && loaded !== undefined && !isDrained;
      }),
    find: (name) => selectModel(name, places.descriptions()),
    check(id) {
      const found = places.current().find(({ offer }) => offer.description.id === id);
      // It may have gone meanwhile, as its files had.
      if (!found?.loaded) return;
      const work = (model: Served) =>
        warmUp(model).catch((cause: unknown) => {
          throw new ThreadEndedError(`the model ${id} does not run`, { cause });
        });
      use(found.offer.description, closed, work).catch(() => {});
    },
    status: () => ({
      ...holdings.counts(),
      models: places.current().map((place) => ({
        id: place.offer.description.id,
        state: stateOf(place),
        bytes: place.offer.bytes,
        uses: place.loaded?.uses ?? 0,
        waiting: place.waiters.count(),
        scheduling: place.loaded?.model.scheduling?.(),
      })),
    }),
    async close() {
      closing.abort(new Error('the worker is stopping'));
      for (const place of places.all()) place.waiters.refuse(stopping());
      await idle();
      await Promise.all(places.all().map((place) => holdings.release(place)));
    },
  };
}
