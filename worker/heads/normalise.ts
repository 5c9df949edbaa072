/**
 * Features as a head sees them: PyTorch's LayerNorm, whose weight and bias bring each feature of the examples to
 * mean 0 and deviation 1. So a fitted head is a LayerNorm and a Linear, as heads of 4M's own examples are.
 */
import type { Rows } from './objective.ts';

/** PyTorch's own, unlike that of the encoder. */
export const EPSILON = 1e-5;
/** A feature that varies by less says nothing, and is left as it is. */
const LEAST_DEVIATION = 1e-6;

/** Weight and bias (D) of a LayerNorm. */
export interface Affine {
  readonly weight: Float64Array;
  readonly bias: Float64Array;
}

/** Rows (n, D) with mean 0 and deviation 1 each, before weight and bias. */
export function layerNormed({ data, count, width }: Rows): Rows {
  const normed = new Float64Array(data.length);
  for (let row = 0; row < count; row++) {
    const from = row * width;
    let mean = 0;
    for (let d = 0; d < width; d++) mean += (data[from + d] ?? 0) / width;
    let variance = 0;
    for (let d = 0; d < width; d++) variance += ((data[from + d] ?? 0) - mean) ** 2 / width;
    const scale = 1 / Math.sqrt(variance + EPSILON);
    for (let d = 0; d < width; d++) normed[from + d] = ((data[from + d] ?? 0) - mean) * scale;
  }
  return { data: normed, count, width };
}

/** Weight and bias that bring each feature of these rows to mean 0 and deviation 1. */
export function standardisation({ data, count, width }: Rows): Affine {
  const weight = new Float64Array(width);
  const bias = new Float64Array(width);
  for (let d = 0; d < width; d++) {
    let mean = 0;
    for (let row = 0; row < count; row++) mean += (data[row * width + d] ?? 0) / count;
    let variance = 0;
    for (let row = 0; row < count; row++)
      variance += ((data[row * width + d] ?? 0) - mean) ** 2 / count;
    const deviation = Math.sqrt(variance);
    weight[d] = deviation < LEAST_DEVIATION ? 1 : 1 / deviation;
    bias[d] = -mean * (weight[d] ?? 1);
  }
  return { weight, bias };
}

export function affine({ data, count, width }: Rows, { weight, bias }: Affine): Rows {
  const all = data.map((value, i) => value * (weight[i % width] ?? 1) + (bias[i % width] ?? 0));
  return { data: all, count, width };
}
