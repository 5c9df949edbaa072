/** Span masking: sentinels stand for hidden runs of a sequence, and are put back together here. */

export interface SpecialTokens {
  readonly pad: number;
  readonly eos: number;
  /** Id of [S_k]. */
  readonly sentinel: (k: number) => number;
  readonly isSentinel: (id: number) => boolean;
}

/** What follows the last span of a sequence whose gaps are numbered from 1: the next sentinel. */
export function closingSentinel(visible: readonly number[], specials: SpecialTokens): number {
  const gaps = new Set(visible.filter(specials.isSentinel)).size;
  return specials.sentinel(gaps + 1);
}

/**
 * Puts generated spans in the place of the sentinels that stand for them. `a [S_1] d [S_2]` and
 * `[S_1] b c [S_2] e [EOS] [S_3]` make `a b c d e [EOS]`. Ids before the first sentinel are lost; a
 * sentinel that comes twice adds to its span; one without a span vanishes.
 */
export function mergeSpans(
  visible: readonly number[],
  generated: readonly number[],
  specials: SpecialTokens,
): number[] {
  const spans = new Map<number, number[]>();
  let current: number[] | undefined;
  for (const id of generated) {
    if (specials.isSentinel(id)) {
      current = spans.get(id) ?? [];
      spans.set(id, current);
    } else {
      current?.push(id);
    }
  }
  const input = visible.length > 0 ? visible : [specials.sentinel(1)];
  return input.flatMap((id) => (specials.isSentinel(id) ? (spans.get(id) ?? []) : [id]));
}
