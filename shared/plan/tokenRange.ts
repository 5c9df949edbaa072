/** Token ids against the modality that they are of. */
import type { Modality } from '../api/models.ts';
import { pointerBelow } from '../api/pointer.ts';
import { refusal } from '../api/problem.ts';

export interface TokenRange {
  /** For messages. */
  readonly name: string;
  readonly type: 'img' | 'seq' | 'seq_emb';
  /** Ids are below this number. */
  readonly vocabulary: number;
  /** Tokens of a grid, or the bound of a sequence. */
  readonly tokens: number;
}

/** The range that a model's own description states. */
export const rangeOf = ({ name, type, vocabulary, tokens }: Modality): TokenRange => ({
  name,
  type,
  vocabulary: vocabulary ?? 0,
  tokens,
});

/**
 * Checks ids, where null is not known: each is in the vocabulary, a grid is complete, a sequence fits.
 * @param at pointer of the list
 * @throws FailureError `invalid_input`
 */
export function checkTokens(
  ids: readonly (number | null)[],
  { name, type, vocabulary, tokens }: TokenRange,
  at: string,
): void {
  const outside = ids.findIndex((id) => id !== null && id >= vocabulary);
  if (outside >= 0) {
    const detail = `token ${ids[outside]} is outside the vocabulary of ${name} (0 to ${vocabulary - 1})`;
    throw refusal('invalid_input', detail, pointerBelow(at, outside));
  }
  const isGrid = type === 'img';
  if (isGrid ? ids.length !== tokens : ids.length > tokens) {
    const detail = `${name} has ${isGrid ? '' : 'at most '}${tokens} tokens, not ${ids.length}`;
    throw refusal('invalid_input', detail, at);
  }
}
