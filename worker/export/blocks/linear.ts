/** Linear layers, on PyTorch's (out, in) weights. */
import type { Value } from '../../onnx/graph.ts';
import type { Module } from '../module.ts';
import { narrow, widen } from './half.ts';
import type { Operand } from './integerProduct.ts';
import { type MatrixUse, matrixProduct, type ScaledOutputs } from './matrix.ts';

/**
 * `x @ weight.T + bias`
 * @param x float32 (..., inputs)
 * @param bias whether the layer has one; none is asked of the checkpoint otherwise
 * @returns float32 (..., outputs)
 */
export const linear = (
  module: Module,
  x: Value,
  sizes: readonly [inputs: number, outputs: number],
  bias: boolean,
  use: MatrixUse = 'other',
): Value =>
  widen(module, narrowLinear(module, narrow(module, x, 'x/half'), sizes, bias, use), 'wide');

/**
 * As `linear`, from and to values as narrow as the precision has them.
 * @param scaled of precision int8 and without a bias alone
 */
export function narrowLinear(
  module: Module,
  x: Operand,
  sizes: readonly [inputs: number, outputs: number],
  bias: boolean,
  use: MatrixUse = 'other',
  scaled?: ScaledOutputs,
): Value {
  const product = matrixProduct(module, x, sizes, use, scaled);
  if (!bias) return product;
  const values = narrow(module, module.weight('bias', [sizes[1]]), 'bias/half');
  return module.node('Add', 'Add', [product, values]);
}

/**
 * As `linear` with a bias, for a 1x1 convolution (outputs, inputs, 1, 1) applied to the last axis. These
 * lie next to a quantizer and are small: they stay float32 in every precision.
 */
export function pointwise(
  module: Module,
  x: Value,
  [inputs, outputs]: readonly [number, number],
): Value {
  const weight = module.weight('weight', [outputs, inputs, 1, 1], [outputs, inputs]);
  const product = module.node('MatMul', 'FusedMatMul', [x, weight], { transB: 1 });
  return module.node('Add', 'Add', [product, module.weight('bias', [outputs])]);
}
