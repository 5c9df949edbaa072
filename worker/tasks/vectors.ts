/** Arithmetic of vectors, and the forms in which they are answered. */
import type { Vector, VectorEncoding } from '../../shared/api/embed.ts';
import { itemAt } from '../../shared/lookup.ts';

/** Length of a vector. */
export function norm(vector: Float32Array): number {
  let sum = 0;
  for (const value of vector) sum += value * value;
  return Math.sqrt(sum);
}

const scaled = (vector: Float32Array, factor: number): Float32Array =>
  vector.map((value) => value * factor);

/** The vector at length 1. One of zeros stays as it is. */
export function normalised(vector: Float32Array): Float32Array {
  const length = norm(vector);
  return length > 0 ? scaled(vector, 1 / length) : vector;
}

export interface MeanDirection {
  /** The mean direction of the samples, as long as they are on average; a single one as it is. */
  readonly vector: Float32Array;
  /** Length of the mean of the samples as unit vectors: 1 when all point the same way. */
  readonly agreement: number;
}

/**
 * Mean of directions and its resultant length (Mardia and Jupp, Directional Statistics, section 9.2).
 * @param vectors at least one, all of the same number of values
 */
export function meanDirection(vectors: readonly Float32Array[]): MeanDirection {
  const first = itemAt(vectors, 0, 'vectors');
  if (vectors.length === 1) return { vector: first, agreement: 1 };
  const sum = new Float64Array(first.length);
  let lengths = 0;
  for (const vector of vectors) {
    const unit = normalised(vector);
    for (const [i, value] of unit.entries()) sum[i] = (sum[i] ?? 0) + value;
    lengths += norm(vector);
  }
  const resultant = Math.hypot(...sum);
  const factor = resultant > 0 ? lengths / vectors.length / resultant : 0;
  return {
    vector: Float32Array.from(sum, (value) => value * factor),
    agreement: Math.min(1, resultant / vectors.length),
  };
}

/** Whole numbers from -127 to 127, and what they are multiplied by. */
export function toInt8(vector: Float32Array): {
  readonly values: Int8Array;
  readonly scale: number;
} {
  let largest = 0;
  for (const value of vector) largest = Math.max(largest, Math.abs(value));
  const scale = largest / 127;
  return {
    values: Int8Array.from(vector, (value) => (scale > 0 ? Math.round(value / scale) : 0)),
    scale,
  };
}

/** A bit for each number, 1 where it is above 0; eight in a byte, the first one highest. */
export function toBits(vector: Float32Array): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(vector.length / 8));
  for (const [i, value] of vector.entries())
    if (value > 0) bytes[i >> 3] = (bytes[i >> 3] ?? 0) | (0x80 >> (i & 7));
  return bytes;
}

const base64 = ({ buffer, byteOffset, byteLength }: ArrayBufferView): string =>
  Buffer.from(buffer, byteOffset, byteLength).toString('base64');

export interface VectorForm {
  readonly normalise: boolean;
  readonly encoding: VectorEncoding;
  readonly format: 'array' | 'base64';
}

/** A vector as it was asked for. */
export function answered(
  vector: Float32Array,
  { normalise, encoding, format }: VectorForm,
): Vector {
  const given = normalise ? normalised(vector) : vector;
  const told = (values: Float32Array | Int8Array | Uint8Array): Vector['values'] =>
    format === 'base64' ? base64(values) : Array.from(values);
  switch (encoding) {
    case 'float32':
      return { values: told(given) };
    case 'int8': {
      const { values, scale } = toInt8(given);
      return { values: told(values), scale };
    }
    case 'binary':
      return { values: told(toBits(given)) };
  }
}
