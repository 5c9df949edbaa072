/** Collections as heads know them: whose model their vectors are of. */
import { collectionSchema } from '../../shared/api/collections.ts';
import { pointerTo } from '../../shared/api/pointer.ts';
import { refusal } from '../../shared/api/problem.ts';
import type { CacheWishes } from '../cacheControl.ts';
import { askCollections } from '../collections/ask.ts';
import type { EdgeContext } from '../problems.ts';
import type { Services } from '../services.ts';

/** What a collection holds changes, so that an equal request may come to another head. */
export const ANEW: CacheWishes = {
  mayReuse: false,
  mayStore: false,
  maxAgeSeconds: Number.POSITIVE_INFINITY,
  onlyStored: false,
};

/** The model that the vectors of a collection are of. @throws FailureError `head_mismatch`, `model_not_loaded` */
export async function collectionModel(
  c: EdgeContext,
  services: Services,
  name: string,
  at = pointerTo('collection', 'name'),
): Promise<string> {
  const { embedding } = await askCollections(c, services, { do: 'get', name }, collectionSchema);
  if (embedding.model !== undefined) return embedding.model;
  const detail = `the collection ${name} has ready vectors alone, which are no model's, so that inputs cannot be compared with them`;
  throw refusal('head_mismatch', detail, at);
}
