/**
 * The models that a worker serves, within a budget of memory. A model is loaded when it is asked for, once
 * for all who wait; `room.ts` says who makes room. It is freed only when no request is at work on it. When
 * its thread dies it is loaded again, and when its files change their new version takes its place.
 */
import type { Model } from '../../shared/api/models.ts';
import { selectModel } from '../../shared/plan/names.ts';
import { describeError, type Log } from '../log.ts';
import { ThreadEndedError } from '../session/types.ts';
import type { ServedModel } from '../tasks/servedModel.ts';
import { notLoadable, replaced, stillLoading, stopping } from './failures.ts';
import { createHoldings } from './holdings.ts';
import type { OfferSource } from './offer.ts';
import { type Loaded, type ModelState, noteLoss, type Place, stateOf } from './place.ts';
import { createPlaces } from './places.ts';
import { decide } from './room.ts';

export interface RegistryOptions {
  readonly source: OfferSource;
  /** Bytes of all models in memory at most; no bound when left out. */
  readonly budget?: number | undefined;
  /** @throws Error when the model does not run */
  readonly warmUp: (model: ServedModel, signal?: AbortSignal) => Promise<void>;
  readonly log: Log;
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
}

export interface Registry {
  /**
   * Finds the models, and loads as many of them as fit, in their order.
   * @throws Error when one is at fault, when none fits the budget; the signal's reason
   */
  load(signal: AbortSignal): Promise<void>;
  /** True from then on, but while a model that was in memory is loaded again. */
  isReady(): boolean;
  /** Every model that can be asked for, in memory or not, the default one first; none before `load`. */
  descriptions(): readonly Model[];
  /** The model of a name. @throws FailureError `model_not_loaded` */
  find(name: string): Model;
  /**
   * Has a model in memory while `work` runs on it.
   * @param wanted by its id, and by the digest that the work was planned for
   * @throws FailureError `not_ready` when it is waited for too long or cannot be loaded,
   *   or has been replaced by another version, `model_not_loaded`; the signal's reason; whatever `work` throws
   */
  use<T>(wanted: Wanted, signal: AbortSignal, work: (model: ServedModel) => Promise<T>): Promise<T>;
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
  const { source, log, warmUp, now = () => performance.now() } = options;
  const { backoffMilliseconds = 1_000, waitMilliseconds = WAIT_MILLISECONDS } = options;
  const budget = options.budget ?? Number.POSITIVE_INFINITY;
  const holdings = createHoldings({ budget, warmUp, log, now });
  const places = createPlaces({ source, budget, log, now });
  const closing = new AbortController();
  /** What is under way in the background, for `close`. */
  const underWay = new Set<Promise<unknown>>();
  let started = false;
  let timer: NodeJS.Timeout | undefined;

  function inBackground(work: Promise<unknown>): void {
    const done = work.catch(() => {}).finally(() => underWay.delete(done));
    underWay.add(done);
  }

  const isWanted = (place: Place): boolean => {
    if (place.loaded || place.loadingSince !== undefined || place.isRetired) return false;
    if (place.retryAt > now()) return false;
    return place.waiters.count() > 0 || place.preloadSince !== undefined;
  };

  /** Decides who is loaded and who makes room, and has it done. */
  function settle(): void {
    clearTimeout(timer);
    if (closing.signal.aborted) return;
    for (const place of places.retired())
      if (place.loaded?.uses === 0) free(place, 'another version has its place');
    const all = places.current();
    const residents = all.flatMap(({ offer, loaded, loadMilliseconds = 0 }) => {
      const { id } = offer.description;
      return loaded ? [{ id, bytes: offer.bytes, loadMilliseconds, ...loaded }] : [];
    });
    const wanted = all.filter(isWanted).map((place) => ({
      id: place.offer.description.id,
      bytes: place.offer.bytes,
      since: Math.min(place.waiters.since() ?? now(), place.preloadSince ?? now()),
      makesRoom: place.waiters.count() > 0 || place.preloadMakesRoom,
      loadMilliseconds: place.loadMilliseconds,
    }));
    const decision = decide({
      now: now(),
      free: holdings.free(),
      leaving: holdings.leaving(),
      residents,
      wanted,
    });
    for (const place of all) {
      const { id } = place.offer.description;
      place.isDrained = decision.drain.includes(id);
      if (decision.evict.includes(id)) free(place, 'another model needs its place');
      if (decision.load.includes(id)) inBackground(load(place));
      const { loaded } = place;
      if (loaded && !place.isDrained) place.waiters.grant(() => begun(loaded));
    }
    const retries = all.flatMap(({ retryAt, preloadSince, waiters }) =>
      preloadSince !== undefined || waiters.count() > 0 ? [retryAt] : [],
    );
    const later = [decision.again ?? [], retries].flat().filter((time) => time > now());
    if (later.length > 0) {
      timer = setTimeout(settle, Math.ceil(Math.min(...later) - now()));
      timer.unref();
    }
  }

  function free(place: Place, why: string): void {
    inBackground(holdings.evict(place, why).finally(settle));
    places.forgetGone();
  }

  function begun(loaded: Loaded): Loaded {
    loaded.uses++;
    loaded.usedAt = now();
    return loaded;
  }

  async function load(place: Place): Promise<void> {
    const { id } = place.offer.description;
    try {
      const loaded = await holdings.load(place, closing.signal);
      place.preloadSince = undefined;
      place.failure = undefined;
      void loaded.model.loaded.died.then((cause) => lose(place, loaded, cause));
    } catch (error) {
      if (closing.signal.aborted) return;
      const message = `the model ${id} could not be loaded; it is tried again when it is asked for`;
      log({ event: 'not loaded', message, model: id, error: describeError(error) });
      place.failure = error;
      noteLoss(place, now(), backoffMilliseconds, backoffMilliseconds);
      // What could not be loaded may have been replaced by something that can.
      await places.refresh().catch(() => undefined);
      place.waiters.refuse(notLoadable(id, (place.retryAt - now()) / 1000, error));
    } finally {
      settle();
    }
  }

  /** Takes a model that no longer works out of its place, and has it loaded again. */
  function lose(place: Place, loaded: Loaded, cause: unknown): void {
    if (place.loaded !== loaded || closing.signal.aborted) return;
    const { id } = place.offer.description;
    const message = `the model ${id} has stopped working and is loaded again`;
    log({ event: 'broken', message, model: id, error: describeError(cause) });
    noteLoss(place, now(), backoffMilliseconds, 0);
    place.preloadSince = now();
    inBackground(holdings.release(place).finally(settle));
  }

  /** @throws FailureError `not_ready`, `model_not_loaded`; the signal's reason */
  async function lease(id: string, signal: AbortSignal): Promise<[Place, Loaded]> {
    signal.throwIfAborted();
    const place = places.find(id);
    if (closing.signal.aborted) throw stopping();
    const { loaded, failure, retryAt } = place;
    if (loaded && !place.isDrained) return [place, begun(loaded)];
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
    work: (model: ServedModel) => Promise<T>,
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
      const signal = AbortSignal.any([given, closing.signal]);
      await places.begin();
      for (const place of places.current()) {
        if (place.offer.bytes > holdings.free()) continue;
        const loaded = await holdings.load(place, signal);
        void loaded.model.loaded.died.then((cause) => lose(place, loaded, cause));
      }
      started = true;
      settle();
    },
    isReady: () =>
      started && places.current().every(({ preloadSince }) => preloadSince === undefined),
    descriptions: () => (started ? places.descriptions() : []),
    find: (name) => selectModel(name, places.descriptions()),
    check(id) {
      const { description } = places.find(id).offer;
      const work = (model: ServedModel) =>
        warmUp(model).catch((cause: unknown) => {
          throw new ThreadEndedError(`the model ${id} does not run`, { cause });
        });
      inBackground(use(description, closing.signal, work));
    },
    status: () => ({
      ...holdings.counts(),
      models: places.current().map((place) => ({
        id: place.offer.description.id,
        state: stateOf(place),
        bytes: place.offer.bytes,
        uses: place.loaded?.uses ?? 0,
        waiting: place.waiters.count(),
      })),
    }),
    async close() {
      closing.abort(new Error('the worker is stopping'));
      clearTimeout(timer);
      for (const place of places.all()) place.waiters.refuse(stopping());
      while (underWay.size > 0) await Promise.all(underWay);
      await Promise.all(places.all().map((place) => holdings.release(place)));
    },
  };
}
