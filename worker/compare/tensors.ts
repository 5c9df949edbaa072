/** Tensors of files and of graphs side by side: reading, cutting, and how far apart they are. */
import { itemAt } from '../../shared/lookup.ts';
import { openCheckpoint } from '../safetensors/checkpoint.ts';
import type { FloatTensor, IntTensor, Tensor } from '../session/types.ts';
import { CompareError } from './errors.ts';

export type Tensors = Readonly<Record<string, Tensor>>;

/**
 * Every tensor of a safetensors file: floating-point types as float32, integers as int64, and booleans,
 * which PyTorch users often store as U8, as `bool`.
 * @throws SafetensorsError
 */
export async function readTensors(file: string): Promise<Record<string, Tensor>> {
  const checkpoint = await openCheckpoint(file);
  try {
    const tensors: Record<string, Tensor> = {};
    for (const { name, type, shape } of checkpoint.tensors.values()) {
      const dims = [...shape];
      const bytes = async () => (await checkpoint.read(name)).slice().buffer;
      const integers = (values: Int32Array | Int16Array | Int8Array): Tensor => ({
        type: 'int64',
        dims,
        data: BigInt64Array.from(values, BigInt),
      });
      if (type === 'I64')
        tensors[name] = { type: 'int64', dims, data: new BigInt64Array(await bytes()) };
      else if (type === 'I32') tensors[name] = integers(new Int32Array(await bytes()));
      else if (type === 'I16') tensors[name] = integers(new Int16Array(await bytes()));
      else if (type === 'I8') tensors[name] = integers(new Int8Array(await bytes()));
      else if (type === 'U8' || type === 'BOOL')
        tensors[name] = { type: 'bool', dims, data: new Uint8Array(await bytes()) };
      else if (type === 'F64') {
        const data = Float32Array.from(new Float64Array(await bytes()));
        tensors[name] = { type: 'float32', dims, data };
      } else tensors[name] = { type: 'float32', dims, data: await checkpoint.readFloats(name) };
    }
    return tensors;
  } finally {
    await checkpoint.close();
  }
}

/** @throws CompareError where there is no float tensor of that name */
export function floats(tensors: Tensors, name: string): FloatTensor {
  const tensor = tensors[name];
  if (tensor?.type !== 'float32') throw new CompareError(`there is no float tensor ${name}`);
  return tensor;
}

/** @throws CompareError where there is no integer tensor of that name */
export function ints(tensors: Tensors, name: string): IntTensor {
  const tensor = tensors[name];
  if (tensor?.type !== 'int64') throw new CompareError(`there is no integer tensor ${name}`);
  return tensor;
}

export const floatTensor = (data: Float32Array, dims: readonly number[]): FloatTensor => ({
  type: 'float32',
  dims,
  data,
});

export const sizeOf = (dims: readonly number[]): number =>
  dims.reduce((product, size) => product * size, 1);

/** Row `index` of the last axis, all axes before it taken as one. */
export const rowOf = (
  { data, dims }: Pick<FloatTensor, 'data' | 'dims'>,
  index: number,
): Float32Array => {
  const width = itemAt(dims, dims.length - 1, 'dims');
  return data.subarray(index * width, (index + 1) * width);
};

/** One row of the batch, as a batch of one. */
export function batchRow({ data, dims }: FloatTensor, row: number): FloatTensor {
  const [, ...rest] = dims;
  const size = sizeOf(rest);
  return floatTensor(data.subarray(row * size, (row + 1) * size), [1, ...rest]);
}

/** The first `dims[axis]` entries along every axis. */
export function leadingPart(tensor: FloatTensor, dims: readonly number[]): FloatTensor {
  if (dims.join() === tensor.dims.join()) return tensor;
  const data = new Float32Array(sizeOf(dims));
  const columns = itemAt(dims, dims.length - 1, 'dims');
  const rows = columns === 0 ? 0 : data.length / columns;
  for (let row = 0; row < rows; row++) {
    let rest = row;
    let source = 0;
    let stride = itemAt(tensor.dims, tensor.dims.length - 1, 'dims');
    for (let axis = dims.length - 2; axis >= 0; axis--) {
      source += (rest % itemAt(dims, axis, 'dims')) * stride;
      rest = Math.floor(rest / itemAt(dims, axis, 'dims'));
      stride *= itemAt(tensor.dims, axis, 'dims');
    }
    data.set(tensor.data.subarray(source, source + columns), row * columns);
  }
  return floatTensor(data, dims);
}

/** Largest absolute difference, divided by the largest absolute value expected. NaN counts as infinite. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length)
    throw new Error(`${actual.length} values, ${expected.length} expected`);
  let difference = 0;
  let scale = 0;
  for (let i = 0; i < expected.length; i++) {
    const wanted = expected[i] ?? Number.NaN;
    const distance = Math.abs((actual[i] ?? Number.NaN) - wanted);
    difference = Math.max(difference, Number.isNaN(distance) ? Number.POSITIVE_INFINITY : distance);
    scale = Math.max(scale, Math.abs(wanted));
  }
  return difference / (scale || 1);
}
