/** Brings about what `room.ts` decides: loads models, frees them, and loads again what was lost. */
import { describeError, type Log } from '../log.ts';
import { notLoadable } from './failures.ts';
import type { Holdings } from './holdings.ts';
import { type Loaded, noteLoss, type Place } from './place.ts';
import type { Places } from './places.ts';
import { decide, type Standing } from './room.ts';

export interface AllocationOptions {
  readonly places: Places;
  readonly holdings: Holdings;
  readonly log: Log;
  readonly now: () => number;
  /** Time before a model that was lost again, or could not be loaded, is tried again; it doubles. */
  readonly backoffMilliseconds: number;
  /** Aborts when nothing is loaded any more. */
  readonly signal: AbortSignal;
}

export interface Allocation {
  /** Decides anew; called whenever something has changed. */
  readonly settle: () => void;
  /** Takes a model that no longer works out of its place, and has it loaded again. */
  readonly lose: (place: Place, loaded: Loaded, cause: unknown) => void;
  /** Watches over a model that was just loaded. */
  readonly watch: (place: Place, loaded: Loaded) => void;
  /** Resolves when nothing is being loaded or freed. */
  readonly idle: () => Promise<void>;
}

/** One more request is at work on a model. */
export function begun(loaded: Loaded, now: number): Loaded {
  loaded.uses++;
  loaded.usedAt = now;
  return loaded;
}

export function createAllocation(options: AllocationOptions): Allocation {
  const { places, holdings, log, now, backoffMilliseconds, signal } = options;
  const underWay = new Set<Promise<unknown>>();
  let timer: NodeJS.Timeout | undefined;

  function inBackground(work: Promise<unknown>): void {
    const done = work.catch(() => {}).finally(() => underWay.delete(done));
    underWay.add(done);
  }

  const isWanted = (place: Place): boolean => {
    if (place.loaded || place.loadingSince !== undefined || place.retryAt > now()) return false;
    return place.waiters.count() > 0 || place.preloadSince !== undefined;
  };

  function standing(): Standing {
    const all = places.current();
    const residents = all.flatMap(({ offer, loaded, loadMilliseconds = 0 }) => {
      const { id } = offer.description;
      return loaded ? [{ id, bytes: offer.bytes, loadMilliseconds, ...loaded }] : [];
    });
    const wanted = all.filter(isWanted).map((place) => ({
      id: place.offer.description.id,
      bytes: place.offer.bytes,
      since: Math.min(place.waiters.since() ?? now(), place.preloadSince ?? now()),
      makesRoom: place.waiters.count() > 0,
      loadMilliseconds: place.loadMilliseconds,
    }));
    const [free, leaving] = [holdings.free(), holdings.leaving()];
    return { now: now(), free, leaving, residents, wanted };
  }

  function settle(): void {
    clearTimeout(timer);
    if (signal.aborted) return;
    for (const place of places.retired())
      if (place.loaded?.uses === 0) free(place, 'another version has its place');
    const { load: begin, evict, drain, again } = decide(standing());
    const mayComeFree = holdings.leaving() > 0 || places.retired().length > 0;
    for (const place of places.current()) {
      const { id } = place.offer.description;
      place.isDrained = drain.includes(id);
      if (evict.includes(id)) free(place, 'another model needs its place');
      if (begin.includes(id)) inBackground(load(place));
      // What was lost takes what is free. Where that is too little, it is loaded when it is asked for.
      else if (isWanted(place) && !mayComeFree) forgetPreload(place);
      const { loaded } = place;
      if (loaded && !place.isDrained) place.waiters.grant(() => begun(loaded, now()));
    }
    schedule(again);
  }

  /** Decides again when that may come out differently by the time alone. */
  function schedule(again: number | undefined): void {
    const retries = places
      .current()
      .filter(({ preloadSince, waiters }) => preloadSince !== undefined || waiters.count() > 0)
      .map(({ retryAt }) => retryAt);
    const later = [...retries, ...(again === undefined ? [] : [again])].filter(
      (time) => time > now(),
    );
    if (later.length === 0) return;
    timer = setTimeout(settle, Math.ceil(Math.min(...later) - now()));
    timer.unref();
  }

  function free(place: Place, why: string): void {
    inBackground(holdings.evict(place, why).finally(settle));
    places.forgetGone();
  }

  async function load(place: Place): Promise<void> {
    const { id } = place.offer.description;
    try {
      const loaded = await holdings.load(place, signal);
      forgetPreload(place);
      place.failure = undefined;
      // Before anything is decided: a model that nobody uses yet would have to make room for the next one.
      place.waiters.grant(() => begun(loaded, now()));
      watch(place, loaded);
    } catch (error) {
      if (signal.aborted) return;
      const message = `the model ${id} could not be loaded; it is tried again later`;
      log({ event: 'not loaded', message, model: id, error: describeError(error) });
      place.failure = error;
      noteLoss(place, now(), backoffMilliseconds, backoffMilliseconds);
      // Who waits for what has been replaced meanwhile is moved to its new version.
      await places.refresh().catch(() => undefined);
      place.waiters.refuse(notLoadable(id, (place.retryAt - now()) / 1000, error));
    } finally {
      settle();
    }
  }

  function forgetPreload(place: Place): void {
    place.preloadSince = undefined;
    place.isLost = false;
  }

  function watch(place: Place, loaded: Loaded): void {
    void loaded.model.loaded.died.then((cause) => lose(place, loaded, cause));
  }

  function lose(place: Place, loaded: Loaded, cause: unknown): void {
    if (place.loaded !== loaded || signal.aborted) return;
    const { id } = place.offer.description;
    const message = `the model ${id} has stopped working and is loaded again`;
    log({ event: 'broken', message, model: id, error: describeError(cause) });
    noteLoss(place, now(), backoffMilliseconds, 0);
    place.preloadSince = now();
    place.isLost = true;
    inBackground(holdings.release(place).finally(settle));
  }

  return {
    settle,
    lose,
    watch,
    async idle() {
      clearTimeout(timer);
      while (underWay.size > 0) await Promise.all(underWay);
    },
  };
}
