/**
 * Finds values that are not finite in stored weights. Billions of values pass through here while they are
 * read anyway, so that each is one comparison of bits: an exponent of all ones means infinite or NaN.
 */
import type { StoredTensor, StoredType } from './header.ts';

/** Bits of the exponent, in types that weights have. */
const EXPONENT: Partial<Record<StoredType, number>> = {
  F32: 0x7f800000,
  F16: 0x7c00,
  BF16: 0x7f80,
};

/**
 * @param bytes whole values of the tensor, little-endian, beginning at a multiple of four bytes
 * @returns whether each is finite; types that weights do not have count as finite
 */
export function areFinite(type: StoredType, bytes: Uint8Array): boolean {
  const exponent = EXPONENT[type];
  if (exponent === undefined) return true;
  const { buffer, byteOffset, length } = bytes;
  return type === 'F32'
    ? haveNone(new Uint32Array(buffer, byteOffset, length / 4), exponent)
    : haveNone(new Uint16Array(buffer, byteOffset, length / 2), exponent);
}

/** By index: an iterator would take ten times as long. */
function haveNone(bits: Uint32Array | Uint16Array, exponent: number): boolean {
  for (let i = 0; i < bits.length; i++) if (((bits[i] ?? 0) & exponent) === exponent) return false;
  return true;
}

/** As `areFinite`, of values that were read as float32. */
export const areFiniteFloats = ({ buffer, byteOffset, byteLength }: Float32Array): boolean =>
  areFinite('F32', new Uint8Array(buffer, byteOffset, byteLength));

/** What is wrong with a tensor that holds such a value. */
export const notFiniteProblem = ({ file, name }: Pick<StoredTensor, 'file' | 'name'>): string =>
  `${file}: tensor ${name} holds values that are not finite (NaN or infinite); the file is damaged, or the training that wrote it diverged`;
