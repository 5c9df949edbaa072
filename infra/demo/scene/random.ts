/** Counter-based randomness: the n-th number of a seed never depends on what was drawn elsewhere. */

/** 32-bit finalizer of MurmurHash3 (public domain): every input bit affects every output bit. */
function mix(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

export interface Random {
  /** Uniform in [low, high). */
  uniform(low: number, high: number): number;
  /** Whole number in [0, n). */
  integer(n: number): number;
}

export function createRandom(seed: number): Random {
  let counter = 0;
  const next = (): number => {
    counter++;
    const high = mix(seed ^ mix(counter));
    return mix(high + Math.imul(counter, 0x9e3779b9)) / 2 ** 32;
  };
  return {
    uniform: (low, high) => low + (high - low) * next(),
    integer: (n) => Math.floor(next() * n),
  };
}
