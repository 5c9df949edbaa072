/** One version of a model in the registry: what is offered, whether it is in memory, and who waits for it. */
import type { ModelState } from '../../shared/api/models.ts';
import type { Served } from '../tasks/servedModel.ts';
import type { Offer } from './offer.ts';
import { createWaiters, type Waiters } from './waiting.ts';

/** A model in memory. */
export interface Loaded {
  readonly model: Served;
  readonly loadedAt: number;
  /** Requests at work on it. */
  uses: number;
  usedAt: number;
}

export interface Place {
  readonly offer: Offer;
  readonly waiters: Waiters<Loaded>;
  loaded: Loaded | undefined;
  /** When its loading began, while it goes on. */
  loadingSince: number | undefined;
  /** What its last loading took. */
  loadMilliseconds: number | undefined;
  /** No further request is begun on it, as another model waits for the room. */
  isDrained: boolean;
  /** Since when it is to be loaded though nobody may wait for it, as it was in memory before. */
  preloadSince: number | undefined;
  /** Its thread has died, and it is to be loaded again. */
  isLost: boolean;
  /** Its files have gone: it is there as long as it is in memory. */
  isGone: boolean;
  /** Another version has its name: it ends with its last request. */
  isRetired: boolean;
  /** When it was lost or could not be loaded, in milliseconds. */
  losses: readonly number[];
  /** When it is tried again to load it. */
  retryAt: number;
  /** Why it could not be loaded; undefined when it could, or was not tried since it was lost. */
  failure: unknown;
}

export const createPlace = (offer: Offer, now: () => number): Place => ({
  offer,
  waiters: createWaiters(now),
  loaded: undefined,
  loadingSince: undefined,
  loadMilliseconds: undefined,
  isDrained: false,
  preloadSince: undefined,
  isLost: false,
  isGone: false,
  isRetired: false,
  losses: [],
  retryAt: 0,
  failure: undefined,
});

export const stateOf = ({ loaded, loadingSince }: Place): ModelState => {
  if (loaded) return 'loaded';
  return loadingSince === undefined ? 'available' : 'loading';
};

const LONGEST_BACKOFF = 60_000;
/** Losses longer ago than this do not count. */
const MEMORY_MILLISECONDS = 300_000;

/**
 * Notes a loss, and when it is tried again to load the model: later each time.
 * @param backoff milliseconds after the second one
 * @param firstWait milliseconds after the first one
 */
export function noteLoss(place: Place, now: number, backoff: number, firstWait: number): void {
  place.losses = [...place.losses.filter((at) => now - at < MEMORY_MILLISECONDS), now];
  const { length } = place.losses;
  const wait = length === 1 ? firstWait : Math.min(backoff * 2 ** (length - 2), LONGEST_BACKOFF);
  place.retryAt = now + wait;
}
