/** References to kept tokens in requests: whether they fit, and what they stand for. */
import type { GenerateRequest, InputValue } from '../api/generate.ts';
import type { Modality, Model } from '../api/models.ts';
import { pointerTo } from '../api/pointer.ts';
import { refusal } from '../api/problem.ts';
import type { KeptTokens } from '../api/tokens.ts';
import { findModality } from '../plan/names.ts';
import type { TokenStore } from './keptTokens.ts';

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
  throw refusal('invalid_input', detail, pointer);
}

/** The tokens of a whole grid or text. @throws FailureError `invalid_input` when some are not known */
export function assertComplete({ tokens, modality }: KeptTokens, pointer: string): number[] {
  if (tokens.every((id): id is number => id !== null)) return tokens;
  const detail = `some of these tokens of ${modality} are not known: they cannot be decoded`;
  throw refusal('invalid_input', detail, pointer);
}

/** Inputs with every reference replaced by its tokens. @throws FailureError `unknown_ref`, `invalid_input` */
export async function resolveInputs(
  inputs: GenerateRequest['inputs'],
  model: Model,
  tokens: TokenStore,
): Promise<GenerateRequest['inputs']> {
  const resolved = Object.entries(inputs).map(async ([name, value]) => {
    if (typeof value === 'string' || !('ref' in value)) return [name, value] as const;
    const pointer = pointerTo('inputs', name, 'ref');
    const kept = await tokens.find(value.ref, pointer);
    assertSameTokens(kept, findModality(model, name), name, pointer);
    const { ref: _, ...rest } = value;
    return [name, { ...rest, tokens: kept.tokens } satisfies InputValue] as const;
  });
  return Object.fromEntries(await Promise.all(resolved));
}
