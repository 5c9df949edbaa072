/** Models that a registry is offered in tests, in place of exported folders. */
import type { Offer, OfferSource } from '../../worker/registry/offer.ts';
import type { ServedModel } from '../../worker/tasks/servedModel.ts';

/** What `open` loads; it takes a byte unless something else is said. */
export const offerOf = (
  description: ServedModel['description'],
  open: Offer['open'],
  { bytes = 1, version = '1', origin = description.id }: Partial<Offer> = {},
): Offer => ({ description, bytes, version, origin, open });

/** Offers that a test may change. */
export function sourceOf(...offers: Offer[]): {
  offers: Offer[];
  list: OfferSource['list'];
  readonly emptiness: string;
} {
  const source = {
    emptiness: 'there are none',
    offers,
    list: async () => ({ offers: source.offers, faults: [] }),
  };
  return source;
}
