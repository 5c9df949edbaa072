/** Small tensors, as the fused graph takes them. */
import { itemAt } from '../../../shared/lookup.ts';
import type { BoolTensor, FloatTensor, IntTensor, Tensor } from '../../session/types.ts';

const sizeOf = (dims: readonly number[]): number =>
  dims.reduce((product, size) => product * size, 1);

/** @param values whole; written as two halves each, lower one first, which is many times faster than by BigInt */
export function int64(dims: readonly number[], values: ArrayLike<number>): IntTensor {
  const data = new BigInt64Array(values.length);
  const words = new Int32Array(data.buffer);
  for (let i = 0; i < values.length; i++) {
    const value = itemAt(values, i, 'values of a feed');
    words[2 * i] = value;
    words[2 * i + 1] = Math.floor(value / 2 ** 32);
  }
  return { type: 'int64', dims, data };
}

export const float32 = (dims: readonly number[], values: ArrayLike<number>): FloatTensor => ({
  type: 'float32',
  dims,
  data: values instanceof Float32Array ? values : Float32Array.from(values),
});

export const bool = (dims: readonly number[], data: Uint8Array): BoolTensor => ({
  type: 'bool',
  dims,
  data,
});

/** Arrays that were made by `joined`. */
const made = new WeakSet<Float32Array>();

/** Feeds that nobody else holds: they can be handed over to the graph, and need not be copied. */
export const ownFeeds = (feeds: Readonly<Record<string, Tensor>>): string[] =>
  Object.keys(feeds).filter((name) => {
    const data = feeds[name]?.data;
    return data instanceof Float32Array && made.has(data);
  });

/** Arrays one after the other. A single one is taken as it is. */
export function joined(dims: readonly number[], parts: readonly Float32Array[]): FloatTensor {
  const [first] = parts;
  if (first && parts.length === 1) return { type: 'float32', dims, data: first };
  const data = new Float32Array(sizeOf(dims));
  let offset = 0;
  for (const part of parts) {
    data.set(part, offset);
    offset += part.length;
  }
  made.add(data);
  return { type: 'float32', dims, data };
}

export function floatsOf(outputs: Readonly<Record<string, Tensor>>, name: string): Float32Array {
  const tensor = outputs[name];
  if (tensor?.type !== 'float32') throw new Error(`graph output ${name} is missing or not float32`);
  return tensor.data;
}

export function numbersOf(outputs: Readonly<Record<string, Tensor>>, name: string): number[] {
  const tensor = outputs[name];
  if (tensor?.type !== 'int64') throw new Error(`graph output ${name} is missing or not int64`);
  return Array.from(tensor.data, Number);
}

/** The largest float32 below 1: a double next to 1 would round up to it. */
const LARGEST_DRAW = 1 - 2 ** -24;

export const asDraws = (draws: readonly number[]): number[] =>
  draws.map((draw) => Math.min(draw, LARGEST_DRAW));
