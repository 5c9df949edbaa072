/**
 * Vectors like real embeddings, of which one half lies in clusters and the other does not. A cluster has a centre
 * and varies along 24 directions of its own, with a little noise in all others, as pictures of one kind do. The rest
 * varies along all axes by a power law (the i-th has a standard deviation of 1 / sqrt(i)), as the principal
 * components of embeddings do. Nothing else is known of the rest: it has no clusters for an index to find.
 */

export interface VectorSource {
  /** Writes the next vector (D), scaled to length 1, into `out` at `offset`. Every second one lies in a cluster. */
  readonly next: (out: Float32Array, offset: number) => void;
}

const DIRECTIONS = 24;
/** Normal numbers that are drawn once, and used again from random places on. */
const TABLE = 1 << 20;
const VARIATION = 0.2;
const NOISE = 0.1;

/** Numbers from 0 to 1 (xorshift, Marsaglia 2003), the same for the same seed. */
export function uniform(seed: number): () => number {
  let state = seed | 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** Normal numbers, by Box and Muller. */
function normals(random: () => number): Float32Array {
  const table = new Float32Array(TABLE);
  for (let i = 0; i < TABLE; i += 2) {
    const radius = Math.sqrt(-2 * Math.log(1 - random() + 1e-12));
    const angle = 2 * Math.PI * random();
    table[i] = radius * Math.cos(angle);
    table[i + 1] = radius * Math.sin(angle);
  }
  return table;
}

function toUnit(out: Float32Array, offset: number, dimensions: number): void {
  let sum = 0;
  for (let i = offset; i < offset + dimensions; i++) sum += (out[i] ?? 0) ** 2;
  const length = Math.sqrt(sum);
  for (let i = offset; i < offset + dimensions; i++) out[i] = (out[i] ?? 0) / length;
}

/** @param clusters that half of the vectors lie in */
export function vectorSource(dimensions: number, clusters: number, seed: number): VectorSource {
  const random = uniform(seed);
  const table = normals(random);
  const place = (): number => Math.floor(random() * (TABLE - dimensions - 1));
  const centres = Int32Array.from({ length: clusters }, place);
  const directions = Int32Array.from({ length: clusters * DIRECTIONS }, place);
  const spectrum = Float32Array.from({ length: dimensions }, (_, i) => 1 / Math.sqrt(i + 1));
  let made = 0;

  function clustered(out: Float32Array, offset: number): void {
    const cluster = Math.floor(random() * clusters);
    const centre = centres[cluster] ?? 0;
    const noise = place();
    for (let i = 0; i < dimensions; i++)
      out[offset + i] = (table[centre + i] ?? 0) + NOISE * (table[noise + i] ?? 0);
    for (let direction = 0; direction < DIRECTIONS; direction++) {
      const weight = VARIATION * (table[place()] ?? 0);
      const at = directions[cluster * DIRECTIONS + direction] ?? 0;
      for (let i = 0; i < dimensions; i++)
        out[offset + i] = (out[offset + i] ?? 0) + weight * (table[at + i] ?? 0);
    }
  }

  function spread(out: Float32Array, offset: number): void {
    // Two tables are added, so that no two vectors are pieces of one row of numbers.
    const [a, b] = [place(), place() + dimensions - 1];
    for (let i = 0; i < dimensions; i++)
      out[offset + i] = (spectrum[i] ?? 0) * ((table[a + i] ?? 0) + (table[b - i] ?? 0));
  }

  return {
    next(out, offset) {
      if (made++ % 2 === 0) clustered(out, offset);
      else spread(out, offset);
      toUnit(out, offset, dimensions);
    },
  };
}
