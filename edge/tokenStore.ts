/** Tokens as resources: kept by the hash of what they are, named by it in later requests. */
import type { GenerateRequest, InputValue } from '../shared/api/generate.ts';
import type { Modality, Model } from '../shared/api/models.ts';
import { type KeptTokens, keptTokensSchema } from '../shared/api/tokens.ts';
import { canonicalJson, sha256 } from '../shared/cacheKey.ts';
import { findModality, inputPointer } from '../shared/plan/names.ts';
import type { Store } from '../shared/store/store.ts';
import { fail } from './problems.ts';

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
      const detail = `no tokens are kept under ${ref}`;
      return fail({ code: 'unknown_ref', detail, errors: [{ detail, pointer }] });
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

/** @throws FailureError `invalid_input` when the tokens are of something else than the field asks for */
export function assertSameTokens(
  kept: KeptTokens,
  entry: Modality | undefined,
  name: string,
  pointer: string,
): void {
  if (!entry) return;
  if (entry.modalities.includes(kept.modality) && entry.vocabulary === kept.vocabulary) return;
  const detail =
    `the tokens are of ${kept.modality} with a vocabulary of ${kept.vocabulary}, not of ${name} ` +
    `with ${entry.vocabulary ?? 0}`;
  fail({ code: 'invalid_input', detail, errors: [{ detail, pointer }] });
}

/** The tokens of a whole grid or text. @throws FailureError `invalid_input` when some are not known */
export function assertComplete({ tokens, modality }: KeptTokens, pointer: string): number[] {
  if (tokens.every((id): id is number => id !== null)) return tokens;
  const detail = `some of these tokens of ${modality} are not known: they cannot be decoded`;
  return fail({ code: 'invalid_input', detail, errors: [{ detail, pointer }] });
}

/** Inputs with every reference replaced by its tokens. @throws FailureError `unknown_ref`, `invalid_input` */
export async function resolveInputs(
  inputs: GenerateRequest['inputs'],
  model: Model,
  tokens: TokenStore,
): Promise<GenerateRequest['inputs']> {
  const resolved = Object.entries(inputs).map(async ([name, value]) => {
    if (typeof value === 'string' || !('ref' in value)) return [name, value] as const;
    const pointer = `${inputPointer(name)}/ref`;
    const kept = await tokens.find(value.ref, pointer);
    assertSameTokens(kept, findModality(model, name), name, pointer);
    const { ref: _, ...rest } = value;
    return [name, { ...rest, tokens: kept.tokens } satisfies InputValue] as const;
  });
  return Object.fromEntries(await Promise.all(resolved));
}
