/** float32 -> IEEE 754 binary16, rounding to nearest, ties to even; what is too large becomes the largest. */
import { itemAt } from './lookup.ts';

const LARGEST = 0x7bff;

/** One float's bits. */
function halfOfBits(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  // Weights that large exist in no trained model; an infinity would poison every sum it enters.
  if (magnitude >= 0x477ff000) return magnitude > 0x7f800000 ? sign | 0x7e00 : sign | LARGEST;
  if (magnitude >= 0x38800000) {
    const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1);
    return sign | ((rounded - 0x38000000) >>> 13);
  }
  if (magnitude < 0x33000000) return sign;
  // Below 2^-14 a half is a multiple of 2^-24, so the fraction is shifted down to that.
  const fraction = (magnitude & 0x7fffff) | 0x800000;
  const shift = 126 - (magnitude >>> 23);
  const quotient = fraction >>> shift;
  const rest = fraction - (quotient << shift);
  const middle = 1 << (shift - 1);
  return sign | (rest > middle || (rest === middle && quotient & 1) ? quotient + 1 : quotient);
}

/** Every value of a list. */
export function toHalves(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < bits.length; i++) halves[i] = halfOfBits(itemAt(bits, i, 'bits'));
  return halves;
}
