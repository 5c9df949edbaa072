/** ROAR, random-order autoregression: a random subset of the open positions is predicted and kept. */
import type { Chance } from '../sampling.ts';

/** A fresh random order at every step: its first `count` positions are predicted, sorted by index. */
export const roarPositions = (
  open: readonly number[],
  count: number,
  chance: Chance,
  target: string,
  step: number,
): readonly number[] =>
  chance
    .shuffle(open, target, step)
    .slice(0, count)
    .sort((a, b) => a - b);
