/** Tokens as resources: kept by the hash of what they are, named by it in later requests. */
import type { Modality, Model } from '../api/models.ts';
import { refusal } from '../api/problem.ts';
import { whileStoreWorks } from '../api/storeFailure.ts';
import { type KeptTokens, keptTokensSchema } from '../api/tokens.ts';
import type { Store } from '../store/store.ts';
import { canonicalJson, sha256 } from './content.ts';
import { readStored } from './stored.ts';

export interface TokenStore {
  /** @returns the reference. @throws FailureError `store_unavailable` */
  keep(tokens: KeptTokens): Promise<string>;
  /** @throws FailureError `unknown_ref` with the pointer of the field that names it, `store_unavailable` */
  find(ref: string, pointer: string): Promise<KeptTokens>;
  /** Whether the tokens can be read. */
  has(ref: string): Promise<boolean>;
}

/** @param scope whose tokens these are: of `scope.ts` */
export function createTokenStore(
  store: Store,
  scope: string,
  log: (line: string) => void,
): TokenStore {
  const keyOf = (ref: string): string => `tokens/${scope}/${ref.slice('sha256:'.length)}.json`;
  /** Whoever asks for tokens to be kept must not be told that they are when they are not. */
  const guarded = <T>(action: 'kept' | 'read', work: () => Promise<T>): Promise<T> =>
    whileStoreWorks(log, `tokens cannot be ${action}`, work);
  const read = (ref: string) =>
    guarded('read', () => readStored(store, keyOf(ref), keptTokensSchema));
  return {
    async keep(tokens) {
      const text = canonicalJson(tokens);
      const ref = `sha256:${await sha256(text)}`;
      const body = new TextEncoder().encode(text);
      // The same key always means the same bytes: writing them again repairs what was damaged.
      await guarded('kept', () => store.put(keyOf(ref), body, { contentType: 'application/json' }));
      return ref;
    },
    has: async (ref) => (await read(ref)).state === 'found',
    async find(ref, pointer) {
      const found = await read(ref);
      switch (found.state) {
        case 'found':
          return found.value;
        case 'absent':
          throw refusal('unknown_ref', `no tokens are kept under ${ref}`, pointer);
        case 'unusable': {
          const detail = `the tokens that were kept under ${ref} are gone: the store holds them no longer whole`;
          throw refusal('unknown_ref', `${detail}; keep them again`, pointer);
        }
      }
    },
  };
}

/** What is kept of tokens that a model made or was given. */
export function keptTokens(
  modality: string,
  tokens: readonly (number | null)[],
  { presentation, vocabulary }: Modality,
  { id, digest }: Pick<Model, 'id' | 'digest'>,
): KeptTokens {
  return {
    format: 1,
    modality,
    presentation,
    vocabulary: vocabulary ?? 0,
    model: { id, digest },
    tokens: [...tokens],
  };
}
