/** The key of a request for vectors, and the seed of each of its items. */
import type { EmbedRequest } from '../api/embed.ts';
import { itemsOf } from '../plan/embed.ts';
import { canonicalJson, sha256 } from './content.ts';
import { type Digests, describeInputs, type KeyedModel, named, settleSeed } from './keys.ts';

/** Raised by whoever changes what a request for vectors is answered without changing a model. */
const EMBED_VERSION = 1;

export interface EmbedKey {
  /** sha256 in hex: the result's id and its place in the store. */
  readonly id: string;
  /** One for each item of a predicted target; none for features, which nothing is drawn for. */
  readonly seeds: readonly number[];
}

/**
 * The key of a request whose files are named by their digests. A seed that is not stated is derived from its item
 * and the settings alone, so that an item is embedded the same whatever it is sent with.
 * @param draw for the seed `random`, which all items share
 * @throws DOMException when `data` is not base64
 */
export async function embedKey(
  model: KeyedModel,
  request: EmbedRequest,
  digests?: Digests,
  draw?: () => number,
): Promise<EmbedKey> {
  const { target, features, steps, scheme, samples, temperature, guidance_scale } = request;
  const settings = { target, features, steps, scheme, samples, temperature, guidance_scale };
  const content = { version: EMBED_VERSION, task: 'embed', model: named(model), settings };
  // One after the other: each is hashed, and others get their turn meanwhile.
  const described: unknown[] = [];
  for (const { inputs } of itemsOf(request)) described.push(await describeInputs(inputs, digests));
  const stated =
    request.seed === 'random' ? await settleSeed('random', content, draw) : request.seed;
  const seeds = features
    ? []
    : await Promise.all(described.map((inputs) => settleSeed(stated, { ...content, inputs })));
  const { normalise, encoding, format } = request;
  const all = { ...content, items: described, seeds, normalise, encoding, format };
  return { id: await sha256(canonicalJson(all)), seeds };
}
