/** Several places that models come from: which model a request means that names none. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Model } from '../../shared/api/models.ts';
import { combined } from '../../worker/registry/combined.ts';
import type { Offer, OfferSource } from '../../worker/registry/offer.ts';

const never = new AbortController().signal;
const offer = (id: string, kind?: Model['kind']): Offer =>
  ({ description: { id, ...(kind && { kind }) } }) as unknown as Offer;
const source = (...offers: Offer[]): OfferSource => ({
  emptiness: 'nothing is here',
  list: async () => ({ offers, faults: [] }),
});

test('backbones come behind all models that generate, in whatever place they lie', async () => {
  const both = combined([source(offer('a', 'backbone'), offer('b')), source(offer('c'))]);
  const { offers } = await both.list(never);
  assert.deepEqual(
    offers.map(({ description }) => description.id),
    ['b', 'c', 'a'],
  );
});
