/** Choices that follow from one number. */
export interface Draw {
  /** From one number to another, both of which may come. */
  int(from: number, to: number): number;
  chance(share: number): boolean;
  /** @throws Error when there is nothing to choose from */
  pick<T>(from: readonly T[]): T;
  /** Some of them, in their order. */
  some<T>(from: readonly T[], least: number, most: number): T[];
}

/** mulberry32 (Tommy Ettinger, 2017): enough for choices of tests. */
export function createDraw(seed: number): Draw {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const int: Draw['int'] = (from, to) => from + Math.floor(next() * (to - from + 1));
  return {
    int,
    chance: (share) => next() < share,
    pick(from) {
      if (from.length === 0) throw new Error('there is nothing to choose from');
      return from[int(0, from.length - 1)] as (typeof from)[number];
    },
    some(from, least, most) {
      const left = [...from];
      const count = Math.min(left.length, int(least, most));
      return Array.from({ length: count }, () => left.splice(int(0, left.length - 1), 1)).flat();
    },
  };
}
