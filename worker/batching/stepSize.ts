/** How much a step held, and how much of it nobody asked for. */
import { itemAt } from '../../shared/lookup.ts';
import { widthFor } from '../session/rows.ts';
import type { Sequence } from './fused/write.ts';

export interface StepSize {
  /** States or sequences, conditions counted. */
  readonly rows: number;
  /** Places of tokens that it worked through: encoded, predicted or written. */
  readonly tokens: number;
  /** Of these, the places behind the end of sequences that ended before the longest one. */
  readonly paddingTokens: number;
  /** Places of kept keys and values that its rows were given. */
  readonly keys: number;
  /** Of these, those behind a row's own, which are hidden. */
  readonly paddingKeys: number;
  /** States that an earlier step had encoded. */
  readonly known: number;
}

export const NOTHING: StepSize = {
  rows: 0,
  tokens: 0,
  paddingTokens: 0,
  keys: 0,
  paddingKeys: 0,
  known: 0,
};

const sum = (numbers: readonly number[]): number => numbers.reduce((all, one) => all + one, 0);

/** Places that rows of these lengths are given, filled up to the width of the run. */
const filled = (rows: readonly { readonly tokens: number }[]) => {
  const keys = rows.length * widthFor(rows.map(({ tokens }) => ({ id: 0, tokens })));
  return { keys, paddingKeys: keys - sum(rows.map(({ tokens }) => tokens)) };
};

/**
 * Of a piece of sequences.
 * @param sequences as they were before it
 * @param ids what was written of each
 */
export function sizeOfPiece(
  sequences: readonly Sequence[],
  ids: readonly (readonly number[])[],
): StepSize {
  const rows = sum(sequences.map((sequence) => sequence.rows.length));
  const tokens = rows * Math.max(0, ...ids.map(({ length }) => length));
  const written = sum(
    sequences.map((sequence, s) => sequence.rows.length * itemAt(ids, s, 'written tokens').length),
  );
  const seen = filled(sequences.flatMap((sequence) => sequence.rows.map(({ context }) => context)));
  const past = filled(
    sequences.flatMap((sequence) => sequence.rows.map(() => ({ tokens: sequence.tokens }))),
  );
  return {
    rows,
    tokens,
    paddingTokens: tokens - written,
    keys: seen.keys + past.keys,
    paddingKeys: seen.paddingKeys + past.paddingKeys,
    known: 0,
  };
}
