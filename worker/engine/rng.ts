/**
 * Random numbers by address: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2,
 * 3", SC 2011), keyed by (seed, sample), counted by (target, step, position, purpose). A number depends
 * on its address alone, so results are the same whatever is computed beside them or before them.
 */

type Words = readonly [number, number, number, number];

const high = (a: number, b: number): number => {
  // 32x32 -> upper 32 bits in 16-bit halves; doubles hold each partial product exactly.
  const [aHigh, aLow] = [a >>> 16, a & 0xffff];
  const [bHigh, bLow] = [b >>> 16, b & 0xffff];
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const carry = (middle & 0xffff) + aLow * bHigh;
  return (aHigh * bHigh + Math.floor(middle / 65536) + Math.floor(carry / 65536)) >>> 0;
};

/** Ten rounds of Philox4x32: four 32-bit words from a 128-bit counter and a 64-bit key. */
export function philox(counter: Words, key: readonly [number, number]): Words {
  let [x0, x1, x2, x3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const [h0, l0] = [high(0xd2511f53, x0), Math.imul(0xd2511f53, x0) >>> 0];
    const [h1, l1] = [high(0xcd9e8d57, x2), Math.imul(0xcd9e8d57, x2) >>> 0];
    [x0, x1, x2, x3] = [(h1 ^ x1 ^ k0) >>> 0, l1, (h0 ^ x3 ^ k1) >>> 0, l0];
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  return [x0, x1, x2, x3];
}

/** FNV-1a of a name: a fixed 32-bit number for a target, whatever its place in the request. */
export function nameNumber(name: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

const PURPOSES = { token: 0, order: 1, noise: 2 } as const;

export interface Address {
  readonly target: string;
  readonly step: number;
  readonly position: number;
}

/** A uniform number in [0, 1) with 53 random bits. */
export function uniform(
  seed: number,
  sample: number,
  purpose: 'token' | 'order',
  address: Address,
): number {
  const [a, b] = philox(
    [nameNumber(address.target), address.step, address.position, PURPOSES[purpose]],
    [seed >>> 0, sample >>> 0],
  );
  return ((a >>> 5) * 2 ** 26 + (b >>> 6)) / 2 ** 53;
}

/**
 * Standard normal numbers by the Box-Muller transform, four from each 128 random bits; the counter's
 * position counts those fours.
 */
export function normals(
  seed: number,
  sample: number,
  { target, step }: Omit<Address, 'position'>,
  count: number,
): Float32Array {
  const numbers = new Float32Array(count);
  const key = [seed >>> 0, sample >>> 0] as const;
  const name = nameNumber(target);
  for (let i = 0; i < count; i += 4) {
    const [a, b, c, d] = philox([name, step, i / 4, PURPOSES.noise], key);
    // Writes past the end of the array have no effect.
    [numbers[i], numbers[i + 1]] = boxMuller(a, b);
    [numbers[i + 2], numbers[i + 3]] = boxMuller(c, d);
  }
  return numbers;
}

/** Two independent normal numbers from two random 32-bit words. */
function boxMuller(a: number, b: number): [number, number] {
  // (0, 1]: the logarithm of 0 would be infinite.
  const radius = Math.sqrt(-2 * Math.log((a + 1) / 2 ** 32));
  const angle = (2 * Math.PI * b) / 2 ** 32;
  return [radius * Math.cos(angle), radius * Math.sin(angle)];
}
