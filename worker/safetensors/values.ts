/** Stored bytes -> float32. Eleven gigabytes of an XL checkpoint pass through here, so no call per value. */
import { endianness } from 'node:os';
import { SafetensorsError } from './errors.ts';
import type { StoredTensor } from './header.ts';

/**
 * @param bytes row-major values of the tensor, or of some of its rows; kept as the result's memory where
 *   they already are aligned float32
 * @throws SafetensorsError for types other than F32, F16 and BF16
 */
export function toFloats({ file, name, type }: StoredTensor, bytes: Uint8Array): Float32Array {
  // Stored values are little-endian, as are all machines that onnxruntime has builds for.
  if (endianness() !== 'LE')
    throw new SafetensorsError(file, 'cannot be read on a big-endian machine', name);
  switch (type) {
    case 'F32': {
      const { buffer, byteOffset, length } = aligned(bytes, 4);
      return new Float32Array(buffer, byteOffset, length / 4);
    }
    case 'F16':
      return halvesToFloats(halves(bytes));
    case 'BF16':
      return brainsToFloats(halves(bytes));
    default:
      throw new SafetensorsError(
        file,
        `${type} is not read as float32, only F32, F16 and BF16 are`,
        name,
      );
  }
}

const aligned = (bytes: Uint8Array, size: number): Uint8Array<ArrayBufferLike> =>
  bytes.byteOffset % size === 0 ? bytes : bytes.slice();

function halves(bytes: Uint8Array): Uint16Array {
  const { buffer, byteOffset, length } = aligned(bytes, 2);
  return new Uint16Array(buffer, byteOffset, length / 2);
}

/** bfloat16 is the upper half of a float32. */
function brainsToFloats(values: Uint16Array): Float32Array {
  const wide = new Uint32Array(values.length);
  for (let i = 0; i < values.length; i++) wide[i] = (values[i] ?? 0) << 16;
  return new Float32Array(wide.buffer);
}

let halfTable: Float32Array | undefined;

/** By table: there are only 65,536 of them. */
function halvesToFloats(values: Uint16Array): Float32Array {
  halfTable ??= Float32Array.from({ length: 2 ** 16 }, (_, bits) => halfToNumber(bits));
  const table = halfTable;
  const floats = new Float32Array(values.length);
  for (let i = 0; i < values.length; i++) floats[i] = table[values[i] ?? 0] ?? 0;
  return floats;
}

/** IEEE 754 binary16. */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
