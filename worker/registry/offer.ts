/** A model that can be loaded, as its files stand now. */
import type { Model } from '../../shared/api/models.ts';
import type { Served } from '../tasks/servedModel.ts';

export interface Offer {
  readonly description: Model;
  /** Memory that it takes when it is loaded. */
  readonly bytes: number;
  /** Where it lies, for messages. */
  readonly origin: string;
  /** Another one when anything of its files has changed. */
  readonly version: string;
  /** Loads it. @throws Error naming what is wrong; the signal's reason */
  readonly open: (signal: AbortSignal) => Promise<Served>;
}

/** What cannot be offered, and why. */
export interface Fault {
  readonly origin: string;
  readonly error: unknown;
}

export interface Offers {
  /** In their order: the first is the default model. */
  readonly offers: readonly Offer[];
  readonly faults: readonly Fault[];
}

/** A place that models come from. */
export interface OfferSource {
  /** What is wrong where it has none. */
  readonly emptiness: string;
  /** @throws Error when the place itself cannot be read; the signal's reason */
  readonly list: (signal: AbortSignal) => Promise<Offers>;
}
