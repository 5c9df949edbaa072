/** Names of what heads answer, and of fits: reuse is correct where what the key covers is equal. */
import type { ClassifyRequest } from '../api/classify.ts';
import type { FitHeadRequest, Head } from '../api/heads.ts';
import { itemsOf } from '../plan/classify.ts';
import { canonicalJson, sha256 } from './content.ts';
import { type Digests, describeInputs, type KeyedModel, named } from './keys.ts';

/** Raised by whoever changes what these requests are answered without changing a model or a head. */
const HEADS_VERSION = 1;

/**
 * @param head undefined for the model's own, which its digest covers
 * @returns sha256 in hex
 * @throws DOMException when `data` is not base64
 */
export async function classifyKey(
  model: KeyedModel,
  request: ClassifyRequest,
  head: Pick<Head, 'name' | 'version'> | undefined,
  digests?: Digests,
): Promise<string> {
  const { top_k, logits = false, neighbours } = request;
  // One after the other: each is hashed, and others get their turn meanwhile.
  const items: unknown[] = [];
  for (const { inputs } of itemsOf(request)) items.push(await describeInputs(inputs, digests));
  const content = {
    ...{ version: HEADS_VERSION, task: 'classify', model: named(model), items, top_k, logits },
    head: head && { name: head.name, version: head.version },
    neighbours,
  };
  return await sha256(canonicalJson(content));
}

/** @returns sha256 in hex. @throws DOMException when `data` is not base64 */
export async function fitHeadKey(
  model: KeyedModel,
  { name, features, examples = [], collection, l2, folds, seed }: FitHeadRequest,
  digests?: Digests,
): Promise<string> {
  const described: unknown[] = [];
  for (const { inputs, label } of examples)
    described.push({ label, inputs: await describeInputs(inputs, digests) });
  const content = {
    ...{ version: HEADS_VERSION, task: 'fit head', model: named(model) },
    ...{ name, features, examples: described, collection, l2, folds, seed },
  };
  return await sha256(canonicalJson(content));
}
