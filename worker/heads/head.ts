/** A head: features (D) -> logits (C), by a LayerNorm and a Linear, as in 4M's own examples. */
import { type Affine, affine, layerNormed } from './normalise.ts';
import { logitsOf, type Rows } from './objective.ts';

export interface HeadWeights {
  /** Of the LayerNorm. */
  readonly norm: Affine;
  /** W (C, D) row-major, then b (C). */
  readonly linear: Float64Array;
  readonly classes: number;
  readonly width: number;
}

/** Logits (n, C) of rows (n, D). */
export const headLogits = ({ norm, linear, classes }: HeadWeights, rows: Rows): Float64Array =>
  logitsOf(linear, affine(layerNormed(rows), norm), classes);

/** Rows of what a model gives, in memory that threads share: handing them over copies nothing. */
export function rowsOf(features: readonly Float32Array[], width: number): Rows {
  const bytes = Float64Array.BYTES_PER_ELEMENT * features.length * width;
  const data = new Float64Array(new SharedArrayBuffer(bytes));
  for (const [row, values] of features.entries()) data.set(values, row * width);
  return { data, count: features.length, width };
}
