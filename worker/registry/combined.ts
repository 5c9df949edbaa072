/** Several places that models come from, as one: the models of the first come first. */
import type { OfferSource } from './offer.ts';

export const combined = (sources: readonly OfferSource[]): OfferSource => ({
  emptiness: sources.map(({ emptiness }) => emptiness).join('; '),
  async list(signal) {
    const all = await Promise.all(sources.map((source) => source.list(signal)));
    return {
      offers: all.flatMap(({ offers }) => offers),
      faults: all.flatMap(({ faults }) => faults),
    };
  },
});
