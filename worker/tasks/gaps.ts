/** Gaps of texts: what a caller leaves open is written [S_1], [S_2] and on. */
import { refusal } from '../../shared/api/problem.ts';
import { fullTokens, type VisibleTokens } from '../engine/tokenState.ts';
import type { TextTokenizer } from '../text/wordpiece.ts';

const GAP = /\[S_(\d+)\]/g;

export const isGap = (word: string): boolean => /^\[S_\d+\]$/.test(word);

/** Refuses names of gaps that the vocabulary lacks. @throws FailureError `invalid_input` */
export function checkGaps(text: string, { gaps }: TextTokenizer, at: string): void {
  for (const [name, digits = ''] of text.matchAll(GAP)) {
    const number = Number(digits);
    if (String(number) === digits && number >= 1 && number <= gaps) continue;
    const detail = `${name.slice(0, 20)} names no gap of the model; gaps are [S_1] to [S_${gaps}]`;
    throw refusal('invalid_input', detail, at);
  }
}

/**
 * Refuses more gaps than can be closed, since the last one ends at the next name, and a name that comes twice: what is
 * written for it would be put in the place of each, longer than anything that was planned. @throws FailureError
 */
export function checkNamedGaps(
  ids: readonly number[],
  { gaps, specials }: TextTokenizer,
  at: string,
): void {
  const named = ids.filter(specials.isSentinel);
  const count = new Set(named).size;
  if (count < named.length)
    throw refusal('invalid_input', 'each gap of a text has a name of its own, [S_1] and on', at);
  if (count < gaps) return;
  throw refusal('invalid_input', `a text of the model has at most ${gaps - 1} gaps`, at);
}

/**
 * Raw ids where null is not known. Each run of nulls becomes a gap, [S_1] and on.
 * @throws FailureError `invalid_input` where there are more gaps than a text can have
 */
export function gappedTokens(
  ids: readonly (number | null)[],
  text: TextTokenizer,
  at: string,
): VisibleTokens {
  let gaps = 0;
  const filled = ids.flatMap((id, i) => {
    if (id !== null) return [id];
    if (i > 0 && ids[i - 1] === null) return [];
    gaps++;
    if (gaps < text.gaps) return [text.specials.sentinel(gaps)];
    throw refusal('invalid_input', `a text of the model has at most ${text.gaps - 1} gaps`, at);
  });
  checkNamedGaps(filled, text, at);
  return fullTokens(filled);
}
