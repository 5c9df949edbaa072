/**
 * Several places that models come from, as one: the models of the first come first. What has features alone comes behind those
 * that generate, since a request which names no model means the first.
 */
import type { Offer, OfferSource } from './offer.ts';

const generates = ({ description }: Offer): boolean => description.kind === undefined;

export const combined = (sources: readonly OfferSource[]): OfferSource => ({
  emptiness: sources.map(({ emptiness }) => emptiness).join('; '),
  async list(signal) {
    const all = await Promise.all(sources.map((source) => source.list(signal)));
    const offers = all.flatMap((one) => one.offers);
    return {
      offers: [...offers.filter(generates), ...offers.filter((offer) => !generates(offer))],
      faults: all.flatMap(({ faults }) => faults),
    };
  },
});
