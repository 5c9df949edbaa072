/**
 * Products of 8-bit integers with one scale for each row on the left and each output on the right. A row's
 * scale depends on that row alone, so that a result is the same whatever else shares the run.
 */
import type { Value } from '../../onnx/graph.ts';
import type { Module } from '../module.ts';

/** Rows in 8 bits, which several products may read. */
export interface QuantizedRows {
  /** uint8 (..., inputs), around `MIDDLE`: signed codes take a path in the runtime that is far slower. */
  readonly codes: Value;
  /** float32 (..., 1) */
  readonly scales: Value;
}

/** What a product reads: values, or rows that are quantized already. */
export type Operand = Value | QuantizedRows;

/** The code that stands for zero. */
const MIDDLE = 128;
/** Steps on either side of it. */
const STEPS = 127;
/** Stands in for the scale of a row of zeros. */
const LEAST_SCALE = 1e-12;

/**
 * Quantizes each row by its own largest magnitude.
 * @param x (..., inputs) as float32
 */
export function quantizeRows(module: Module, x: Value): QuantizedRows {
  const { graph } = module;
  const magnitudes = module.node('rows/magnitudes', 'Abs', [x]);
  const highest = module.node('rows/highest', 'ReduceMax', [magnitudes, graph.int64([-1])], {
    keepdims: 1,
  });
  // Of no rows at all the runtime's ReduceMax gives (..., inputs) in place of (..., 1).
  const first = module.node('rows/first', 'Slice', [
    highest,
    graph.int64([0]),
    graph.int64([1]),
    graph.int64([-1]),
  ]);
  const raw = module.node('rows/raw_scales', 'Mul', [first, graph.float32(1 / STEPS)]);
  const scales = module.node('rows/scales', 'Max', [raw, graph.float32(LEAST_SCALE)]);
  const scaled = module.node('rows/scaled', 'Div', [x, scales]);
  const codes = module.node('rows/codes', 'QuantizeLinear', [
    scaled,
    graph.float32(1),
    graph.uint8(MIDDLE),
  ]);
  return { codes, scales };
}

/**
 * `rows @ weight`, widened.
 * @param weight int8 (inputs, outputs)
 * @param weightScales float32 (outputs)
 * @returns float32 (..., outputs)
 */
export function integerProduct(
  module: Module,
  { codes, scales }: QuantizedRows,
  weight: Value,
  weightScales: Value,
): Value {
  const { graph } = module;
  const product = module.node('MatMul/integers', 'MatMulIntegerToFloat', [
    codes,
    weight,
    graph.float32(1),
    weightScales,
    graph.uint8(MIDDLE),
  ]);
  return module.node('MatMul', 'Mul', [product, scales]);
}
