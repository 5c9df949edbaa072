/** Products with weights, lookups in them, and kernels, each as the precision of the export has it. */

import { present } from '../../../shared/lookup.ts';
import type { Value } from '../../onnx/graph.ts';
import { ELEMENT_TYPES } from '../../onnx/model.ts';
import type { Module } from '../module.ts';
import {
  type BlockShape,
  blocksEncoding,
  fp16Encoding,
  int8ProductEncoding,
  int8RowsEncoding,
} from '../precision/encodings.ts';
import { narrow } from './half.ts';
import {
  integerProduct,
  type Operand,
  type QuantizedRows,
  quantizeRows,
  unscaledProduct,
  weightCodes,
} from './integerProduct.ts';

const INT8_BLOCKS: BlockShape = { bits: 8, block: 32 };
const INT4_BLOCKS: BlockShape = { bits: 4, block: 32 };
/** Of MatMulNBits: activations are rounded to 8 bits, block by block, and sums taken in integers. */
const INTEGER_ACCURACY = 4;

/**
 * What a matrix is for. In int4 only the feed-forward ones, two thirds of a transformer, take 4 bits:
 * with attention and heads in 4 bits as well the demo model keeps 75 % of its tokens, without them 92 %.
 * In int8 a `wide` one keeps 16 bits: it is small, and its errors reach every token.
 */
export type MatrixUse = 'feed_forward' | 'wide' | 'other';

/** The first outputs of a product in 8 bits, and what they are multiplied by on the way: their scales take it in. */
export interface ScaledOutputs {
  readonly outputs: number;
  readonly factor: number;
}

/**
 * `x` as several products read it: narrowed or quantized once for all of them.
 * @param x float32 (..., inputs)
 */
export const sharedOperand = (module: Module, x: Value, inputs: number): Operand =>
  module.weights.precision === 'int8'
    ? quantizeRows(module, x, inputs)
    : narrow(module, x, 'x/half');

/**
 * `x @ weight.T`, with the module's tensor `weight` (outputs, inputs).
 * @param x (..., inputs); halves where the graph computes in them, as is the result
 * @param scaled of precision int8 alone
 * @returns (..., outputs)
 */
export function matrixProduct(
  module: Module,
  x: Operand,
  [inputs, outputs]: readonly [number, number],
  use: MatrixUse,
  scaled?: ScaledOutputs,
): Value {
  const { graph, weights } = module;
  const shape = [outputs, inputs];
  if (typeof x !== 'string')
    return integerProduct(module, x, ...integerWeight(module, shape, scaled));
  if (weights.precision === 'int8' && use !== 'wide')
    return matrixProduct(module, quantizeRows(module, x, inputs), [inputs, outputs], use, scaled);
  switch (weights.precision) {
    case 'fp32':
      return module.node('MatMul', 'FusedMatMul', [x, module.weight('weight', shape)], {
        transB: 1,
      });
    case 'int8':
    case 'fp16': {
      const [weight] = weights.encoded('weight', shape, fp16Encoding);
      const half = present(weight, 'the encoded weight');
      // Beside values of float32 it is widened once, when the graph is loaded: a CPU has no 16-bit products,
      // and would widen it again at every token.
      const matrix = weights.form === 'half' ? graph.stored(half) : graph.external(half);
      return module.node('MatMul', 'FusedMatMul', [x, matrix], { transB: 1 });
    }
    case 'int4': {
      const blocks = use === 'feed_forward' ? INT4_BLOCKS : INT8_BLOCKS;
      const parts = weights.encoded('weight', shape, blocksEncoding(blocks));
      return module.node('MatMul', 'MatMulNBits', [x, ...parts.map(graph.stored)], {
        K: inputs,
        N: outputs,
        bits: blocks.bits,
        block_size: blocks.block,
        accuracy_level: INTEGER_ACCURACY,
      });
    }
  }
}

/** The module's tensor `weight` in 8 bits: codes (inputs, outputs) and scales (outputs). */
function integerWeight(
  module: Module,
  shape: readonly number[],
  scaled?: ScaledOutputs,
): [codes: Value, scales: Value] {
  const [codes, scales] = module.weights.encoded('weight', shape, int8ProductEncoding);
  const own = module.graph.stored(present(scales, 'the encoded scales'));
  return [
    weightCodes(module, present(codes, 'the encoded codes')),
    scaled ? multiplied(module, own, scaled) : own,
  ];
}

/** Scales of which the first ones are multiplied by a factor. @param scales float32 (outputs) */
function multiplied(module: Module, scales: Value, { outputs, factor }: ScaledOutputs): Value {
  const { graph } = module;
  return graph.outside(`${module.path}/scales/all`, () => {
    const sizes = [scales, graph.int64([0]), graph.int64([outputs])] as const;
    const first = module.node('scales/first', 'Slice', sizes);
    const rest = [scales, graph.int64([outputs]), graph.int64([2 ** 31 - 1])] as const;
    return module.node(
      'scales/all',
      'Concat',
      [
        module.node('scales/multiplied', 'Mul', [first, graph.float32(factor)]),
        module.node('scales/rest', 'Slice', rest),
      ],
      { axis: 0 },
    );
  });
}

/**
 * As `matrixProduct` of rows in 8 bits, without the scales of the rows: for values that are quantized next,
 * where a factor of a whole row changes no code. Who reads these takes the scales with them.
 */
export const productBeforeScales = (
  module: Module,
  { codes }: QuantizedRows,
  [inputs, outputs]: readonly [number, number],
): Value => unscaledProduct(module, codes, ...integerWeight(module, [outputs, inputs]));

/**
 * Rows of the table `name` (rows, columns) at `ids` (...).
 * @returns (..., columns) as float32
 */
export function tableRows(
  module: Module,
  name: string,
  ids: Value,
  shape: readonly [number, number],
): Value {
  const { graph, weights } = module;
  const gather = (table: Value, node: string) =>
    module.node(node, 'Gather', [table, ids], { axis: 0 });
  const wide = (x: Value, node: string) =>
    module.node(node, 'Cast', [x], { to: ELEMENT_TYPES.float32 });
  if (weights.precision === 'fp32') return gather(module.weight(name, shape), name);
  if (weights.precision === 'fp16') {
    const [table] = weights.encoded(name, shape, fp16Encoding);
    return wide(gather(graph.stored(present(table, 'the encoded table')), `${name}/half`), name);
  }
  const [codes, scales] = weights.encoded(name, shape, int8RowsEncoding);
  const rows = wide(
    gather(graph.stored(present(codes, 'the encoded codes')), `${name}/codes`),
    `${name}/wide`,
  );
  return module.node(name, 'Mul', [
    rows,
    gather(graph.stored(present(scales, 'the encoded scales')), `${name}/scales`),
  ]);
}

/**
 * The kernel `weight` of a convolution as float32. All smaller precisions store 16 bits, which the runtime
 * widens once when it loads the graph: convolutions make up the denoisers, whose errors add up over
 * the steps. With 8 bits a complete decode of the reference case moved by a fifth of its range.
 * @param shape (outputs, inputs, height, width)
 */
export function kernelWeight(module: Module, shape: readonly number[]): Value {
  const { graph, weights } = module;
  if (weights.precision === 'fp32') return module.weight('weight', shape);
  const [half] = weights.encoded('weight', shape, fp16Encoding);
  const wide = module.node(
    'weight/wide',
    'Cast',
    [graph.stored(present(half, 'the encoded half'))],
    {
      to: ELEMENT_TYPES.float32,
    },
  );
  return module.node('weight', 'Reshape', [wide, graph.int64(shape)]);
}
