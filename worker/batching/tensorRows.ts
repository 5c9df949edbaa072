/** Tensors by their first dimension: several put one below the other, and one taken apart. */
import { itemAt } from '../../shared/lookup.ts';
import type { Tensor } from '../session/types.ts';

/** Rows of the feeds of a run: the same in each of them. */
export function rowsOf(feeds: Readonly<Record<string, Tensor>>): number {
  const [first] = Object.values(feeds);
  return first?.dims[0] ?? 0;
}

/** The same type with other values. */
function withData(tensor: Tensor, rows: number, data: Tensor['data']): Tensor {
  return { ...tensor, dims: [rows, ...tensor.dims.slice(1)], data } as Tensor;
}

/** @param tensors at least one, equal in all but their rows */
export function joinRows(tensors: readonly Tensor[]): Tensor {
  const first = itemAt(tensors, 0, 'tensors of a run');
  if (tensors.length === 1) return first;
  const rows = tensors.reduce((sum, { dims }) => sum + itemAt(dims, 0, 'dimensions'), 0);
  const length = tensors.reduce((sum, { data }) => sum + data.length, 0);
  const data = new (first.data.constructor as new (length: number) => Tensor['data'])(length);
  let offset = 0;
  for (const tensor of tensors) {
    (data as Float32Array).set(tensor.data as Float32Array, offset);
    offset += tensor.data.length;
  }
  return withData(first, rows, data);
}

/** @param counts rows of each part, all of the tensor's together */
export function splitRows(tensor: Tensor, counts: readonly number[]): Tensor[] {
  if (counts.length === 1) return [tensor];
  const size = tensor.data.length / itemAt(tensor.dims, 0, 'dimensions');
  let start = 0;
  return counts.map((rows) => {
    const data = tensor.data.slice(start * size, (start + rows) * size);
    start += rows;
    return withData(tensor, rows, data);
  });
}
