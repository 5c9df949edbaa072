/** Folds of cross-validation, each with the same share of every class. */
import { itemAt } from '../../shared/lookup.ts';

/** A small generator of our own (mulberry32): the same seed deals the same folds on every machine. */
function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * @param classes index of the class of each example
 * @returns for each example the fold that holds it out
 */
export function dealFolds(classes: readonly number[], folds: number, seed: number): number[] {
  const next = random(seed);
  const order = classes.map((own, index) => ({ own, index, key: next() }));
  order.sort((a, b) => a.own - b.own || a.key - b.key);
  const dealt = new Array<number>(classes.length).fill(0);
  for (const [place, { index }] of order.entries()) dealt[index] = place % folds;
  return dealt;
}

/** Indices of the examples that a fold learns from, and that it holds out. */
export function splitOf(
  dealt: readonly number[],
  fold: number,
): { learnt: number[]; held: number[] } {
  const indices = [...dealt.keys()];
  return {
    learnt: indices.filter((index) => itemAt(dealt, index, 'folds') !== fold),
    held: indices.filter((index) => itemAt(dealt, index, 'folds') === fold),
  };
}
