/** How much arithmetic the measured work is, by our schedule and by the reference's. */
import { FM_SIZES } from '../../support/sparseFm.ts';
import type { BenchRow } from '../main.ts';
import { CAPTION_TOKENS, PATCHES } from './work.ts';

/** Multiplications and additions of a pass over so many tokens, in 1e9: encoder, decoder, one head. */
function gigaflops(tokens: { encoded: number; decoded: number; contexts: number; heads: number }) {
  const { dim, depth } = FM_SIZES.B;
  const feedForward = 3 * dim * 2048;
  const encoder = tokens.encoded * depth * (4 * dim * dim + feedForward);
  const decoder = tokens.decoded * depth * (6 * dim * dim + feedForward);
  const context = tokens.contexts * (depth * 2 * dim * dim + dim * dim);
  return (2 * (encoder + decoder + context + tokens.heads * dim)) / 1e9;
}

const WORDS = 30_000;
const HEADS = 2 * 8192 + 4096;
const PREFIXES = (CAPTION_TOKENS * (CAPTION_TOKENS + 1)) / 2;

const row = (name: string, value: number, what: string): BenchRow => ({
  name,
  value,
  unit: 'GFLOP',
  what,
});

export const GIGAFLOPS: Readonly<Record<'caption' | 'perception', readonly BenchRow[]>> = {
  caption: [
    row(
      'caption_256_gigaflops',
      gigaflops({
        encoded: PATCHES,
        decoded: CAPTION_TOKENS,
        contexts: PATCHES,
        heads: CAPTION_TOKENS * WORDS,
      }),
      '1 encoder pass, 256 decoder passes of a token',
    ),
    row(
      'caption_256_reference_gigaflops',
      gigaflops({
        encoded: PATCHES,
        decoded: PREFIXES,
        contexts: CAPTION_TOKENS * PATCHES,
        heads: PREFIXES * WORDS,
      }),
      '1 encoder pass, 256 decoder passes of all tokens so far',
    ),
  ],
  perception: [
    row(
      'rgb_to_3_gigaflops',
      gigaflops({
        encoded: PATCHES,
        decoded: 3 * PATCHES,
        contexts: PATCHES,
        heads: PATCHES * HEADS,
      }),
      '1 encoder pass, 3 decoder passes, guidance from constants',
    ),
    row(
      'rgb_to_3_reference_gigaflops',
      gigaflops({
        encoded: 3 * PATCHES,
        decoded: 6 * PATCHES,
        contexts: 3 * PATCHES,
        heads: 2 * PATCHES * HEADS,
      }),
      '3 encoder passes, 6 decoder passes',
    ),
  ],
};
