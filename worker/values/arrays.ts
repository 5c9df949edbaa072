/** Arrays that a caller sends as a file, `.npy` or `.safetensors`, told apart by their first bytes. */
import { refusal } from '../../shared/api/problem.ts';
import { openCheckpoint } from '../safetensors/checkpoint.ts';
import { SafetensorsError } from '../safetensors/errors.ts';
import type { ByteSource } from '../safetensors/source.ts';
import { ArrayError, countOf, isNpy, type NumberArray, readNpy } from './npy.ts';

/** A safetensors header is JSON after 8 bytes of its length. */
const isSafetensors = (bytes: Uint8Array): boolean => bytes.length > 9 && bytes[8] === 0x7b;

export const isArrayFile = (bytes: Uint8Array): boolean => isNpy(bytes) || isSafetensors(bytes);

const FILE = 'the file';

function inMemory(bytes: Buffer): ByteSource {
  return {
    size: bytes.length,
    read: async (position, length) => {
      if (position + length > bytes.length) throw new SafetensorsError(FILE, 'ends too early');
      return Uint8Array.from(bytes.subarray(position, position + length));
    },
    close: async () => {},
  };
}

async function readSafetensors(bytes: Buffer): Promise<NumberArray> {
  const file = await openCheckpoint(FILE, async () => inMemory(bytes));
  const [tensor, ...others] = [...file.tensors.values()];
  if (!tensor || others.length > 0)
    throw new ArrayError(`${file.tensors.size} tensors; the file must hold one`);
  countOf(tensor.shape);
  return { dims: tensor.shape, data: await file.readFloats(tensor.name), kind: 'float' };
}

/**
 * The array of a file.
 * @throws FailureError `invalid_input` where it is none, is damaged, or is of a type that is not read
 */
export async function readArray(file: Uint8Array, pointer: string): Promise<NumberArray> {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  try {
    return isNpy(bytes) ? readNpy(bytes) : await readSafetensors(bytes);
  } catch (cause) {
    if (cause instanceof ArrayError || cause instanceof SafetensorsError)
      throw refusal('invalid_input', `the array cannot be read: ${cause.message}`, pointer, {
        cause,
      });
    throw cause;
  }
}

/**
 * The array without leading axes of length 1, once it has `rank` axes and finite values.
 * @param form what is expected, for the message, such as `(C, h, w)`
 * @throws FailureError `invalid_input`
 */
export function ofRank(
  array: NumberArray,
  rank: number,
  form: string,
  pointer: string,
): NumberArray {
  const given = `(${array.dims.join(', ')})`;
  let dims = array.dims;
  while (dims.length > rank && dims[0] === 1) dims = dims.slice(1);
  if (dims.length !== rank || array.data.length === 0)
    throw refusal('invalid_input', `the array has shape ${given}; it must be ${form}`, pointer);
  if (!array.data.every(Number.isFinite))
    throw refusal('invalid_input', 'the array has values that are not finite', pointer);
  return { ...array, dims };
}

/** The sizes of the first three axes; an axis that the array lacks has the size 1. */
export function axesOf(dims: readonly number[]): readonly [number, number, number] {
  const [first = 1, second = 1, third = 1] = dims;
  return [first, second, third];
}
