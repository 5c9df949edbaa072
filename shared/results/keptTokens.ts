/** Tokens as resources: kept by the hash of what they are, named by it in later requests. */
import type { Modality, Model } from '../api/models.ts';
import { refusal } from '../api/problem.ts';
import { type KeptTokens, keptTokensSchema } from '../api/tokens.ts';
import type { Store } from '../store/store.ts';
import { canonicalJson, sha256 } from './content.ts';

export interface TokenStore {
  /** @returns the reference. @throws when the store cannot keep them */
  keep(tokens: KeptTokens): Promise<string>;
  /** @throws FailureError `unknown_ref`, with the pointer of the field that names it */
  find(ref: string, pointer: string): Promise<KeptTokens>;
}

const keyOf = (ref: string): string => `tokens/${ref.slice('sha256:'.length)}.json`;

export function createTokenStore(store: Store): TokenStore {
  return {
    async keep(tokens) {
      const text = canonicalJson(tokens);
      const ref = `sha256:${await sha256(text)}`;
      const body = new TextEncoder().encode(text);
      // A failed condition means that the same tokens are there already.
      await store.put(keyOf(ref), body, { contentType: 'application/json', ifNoneMatch: '*' });
      return ref;
    },
    async find(ref, pointer) {
      const found = await store.get(keyOf(ref));
      if (found) return keptTokensSchema.parse(JSON.parse(new TextDecoder().decode(found.body)));
      throw refusal('unknown_ref', `no tokens are kept under ${ref}`, pointer);
    },
  };
}

/** What is kept of tokens that a model made or was given. */
export function keptTokens(
  modality: string,
  tokens: readonly (number | null)[],
  entry: Modality,
  { id, digest }: Pick<Model, 'id' | 'digest'>,
): KeptTokens {
  const { presentation, vocabulary } = entry;
  const model = { id, digest };
  return {
    format: 1,
    modality,
    presentation,
    vocabulary: vocabulary ?? 0,
    model,
    tokens: [...tokens],
  };
}
