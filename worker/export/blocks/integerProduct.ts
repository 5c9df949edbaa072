/**
 * Products of 8-bit integers with one scale for each row on the left and each output on the right. A row's
 * scale depends on that row alone, so that a result is the same whatever else shares the run. Weights are signed,
 * or the same codes around 128, for processors on which the runtime's products of signed ones overflow: those of
 * unsigned ones take longer, and are exact on every processor.
 */
import type { ExternalTensor, Value } from '../../onnx/graph.ts';
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
/** Beyond every value. */
const FAR = 3e38;
/** Values in a row up to which it counts as short. */
const SHORT = 1024;

/**
 * Quantizes each row by its own largest magnitude. The operators are the ones that pass over the values least
 * often, and share the rows among threads. A row of zeros has a scale of zero, which makes zeros of its codes.
 * @param x (..., inputs) as float32
 * @param inputs size of the last axis
 */
export function quantizeRows(module: Module, x: Value, inputs: number): QuantizedRows {
  const { graph } = module;
  const scales = module.node('rows/scales', 'Mul', [
    largestOfRows(module, x, inputs),
    graph.float32(1 / STEPS),
  ]);
  const middles = module.middles ?? middlesOf(module, scales, 'rows/middles');
  const codes = module.node('rows/codes', 'QuantizeLinear', [x, scales, middles], {
    axis: -1,
    block_size: inputs,
  });
  return { codes, scales };
}

/** The code of zero for each number of a tensor: whatever is divided by so much is next to zero. */
export const middlesOf = (module: Module, numbers: Value, name: string): Value =>
  module.node(name, 'QuantizeLinear', [
    numbers,
    module.graph.float32(FAR),
    module.graph.uint8(MIDDLE),
  ]);

/** The largest magnitude of each row. @returns (..., 1) */
function largestOfRows(module: Module, x: Value, inputs: number): Value {
  const { graph } = module;
  const last = graph.int64([-1]);
  // A pass more over short rows costs less than two operators more.
  if (module.isFilled && inputs <= SHORT) {
    const magnitudes = module.node('rows/magnitudes', 'Abs', [x]);
    return module.node('rows/largest', 'ReduceMax', [magnitudes, last], { keepdims: 1 });
  }
  const highest = module.node('rows/highest', 'ReduceMax', [x, last], { keepdims: 1 });
  const lowest = module.node('rows/lowest', 'ReduceMin', [x, last], { keepdims: 1 });
  const below = module.node('rows/lowest/magnitude', 'Neg', [lowest]);
  const either = module.node('rows/magnitude', 'Max', [highest, below]);
  if (module.isFilled) return either;
  // Of no rows at all the runtime's reductions give (..., inputs) in place of (..., 1).
  return module.node('rows/largest', 'Slice', [either, graph.int64([0]), graph.int64([1]), last]);
}

/**
 * Weights as the form of the graphs has them. The codes are the stored bytes, but for the highest bit where they
 * are unsigned: the runtime flips it once, when it loads the graph.
 * @param codes int8 (inputs, outputs)
 */
export function weightCodes({ graph, weights }: Module, codes: ExternalTensor): Value {
  if (weights.form !== 'unsigned') return graph.stored(codes);
  const name = `/${codes.name}/unsigned`;
  return graph.outside(name, () =>
    graph.node(name, 'BitwiseXor', [
      graph.stored({ ...codes, type: 'uint8' }),
      graph.uint8(MIDDLE),
    ]),
  );
}

/**
 * `rows @ weight` in the unit of each row's scale.
 * @param weight as of `weightCodes`
 * @param weightScales float32 (outputs)
 * @returns float32 (..., outputs)
 */
export const unscaledProduct = (
  module: Module,
  codes: Value,
  weight: Value,
  weightScales: Value,
): Value =>
  module.node('MatMul/integers', 'MatMulIntegerToFloat', [
    codes,
    weight,
    module.graph.float32(1),
    weightScales,
    module.graph.uint8(MIDDLE),
    ...(module.weights.form === 'unsigned' ? [module.graph.uint8(MIDDLE)] : []),
  ]);

/** `rows @ weight`, widened; weights and result as of `unscaledProduct`. */
export const integerProduct = (
  module: Module,
  { codes, scales }: QuantizedRows,
  weight: Value,
  weightScales: Value,
): Value =>
  module.node('MatMul', 'Mul', [unscaledProduct(module, codes, weight, weightScales), scales]);
