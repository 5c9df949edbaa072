/** Vectors as they come -> numbers of length 1, or a refusal that names what is wrong with them. */
import type { Vector } from '../../shared/api/collections.ts';
import { pointerTo } from '../../shared/api/pointer.ts';
import { type FailureError, refusal } from '../../shared/api/problem.ts';

type Path = readonly PropertyKey[];

const invalid = (detail: string, path: Path): FailureError =>
  refusal('invalid_vector', detail, pointerTo(...path));

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** @throws FailureError `invalid_vector` */
function fromBase64(text: string, path: Path): Float32Array {
  const bytes = Buffer.from(text, 'base64');
  // Buffer leaves out what it does not know, so the length tells of damage.
  if (!BASE64.test(text) || Math.ceil(bytes.length / 3) * 4 !== Math.ceil(text.length / 4) * 4)
    throw invalid('the vector is not valid base64', path);
  if (bytes.length % 4 !== 0)
    throw invalid(`the vector has ${bytes.length} bytes, which are no numbers of 32 bits`, path);
  const numbers = new Float32Array(bytes.length / 4);
  for (let i = 0; i < numbers.length; i++) numbers[i] = bytes.readFloatLE(4 * i);
  return numbers;
}

/**
 * Scales a vector (D) to length 1, in 64 bits, so that neither very small nor very large numbers are lost.
 * @throws FailureError `invalid_vector` for zeros alone, and for what is no finite number
 */
export function unit(numbers: ArrayLike<number>, path: Path): Float32Array<ArrayBuffer> {
  let largest = 0;
  for (let i = 0; i < numbers.length; i++) {
    const size = Math.abs(numbers[i] ?? 0);
    if (!Number.isFinite(size)) {
      throw invalid(`number ${i} of the vector is ${numbers[i]}, which has no direction`, path);
    }
    if (size > largest) largest = size;
  }
  if (largest === 0) throw invalid('the vector has zeros alone, and so no direction', path);
  let sum = 0;
  for (let i = 0; i < numbers.length; i++) sum += ((numbers[i] ?? 0) / largest) ** 2;
  const length = Math.sqrt(sum);
  return Float32Array.from(numbers, (number) => number / largest / length);
}

/**
 * The numbers of a vector, as they were given.
 * @throws FailureError `invalid_vector` when it is not readable or has not D numbers
 */
export function numbersOf(
  vector: Vector,
  dimensions: number,
  path: Path,
): Float32Array | readonly number[] {
  const numbers = Array.isArray(vector) ? vector : fromBase64(vector.float32, path);
  if (numbers.length === dimensions) return numbers;
  const detail = `the vector has ${numbers.length} numbers; those of the collection have ${dimensions}`;
  throw invalid(detail, path);
}

/** Sum of vectors of length 1 by weight, scaled to length 1. @throws FailureError `invalid_vector` */
export function mixed(
  parts: readonly { readonly vector: Float32Array; readonly weight: number }[],
  path: Path,
): Float32Array<ArrayBuffer> {
  const sum = new Float64Array(parts[0]?.vector.length ?? 0);
  for (const { vector, weight } of parts)
    for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] ?? 0) + weight * (vector[i] ?? 0);
  const weights = parts.reduce((all, { weight }) => all + Math.abs(weight), 0);
  // What is left of vectors that cancel each other is rounding, which points nowhere.
  if (Math.hypot(...sum) < 1e-6 * weights)
    throw invalid('the parts of the mix cancel each other, which leaves no direction', path);
  return unit(sum, path);
}

/** Cosine of the angle between two vectors of length 1. */
export const cosine = (a: Float32Array, b: Float32Array): number =>
  a.reduce((sum, number, i) => sum + number * (b[i] ?? 0), 0);
