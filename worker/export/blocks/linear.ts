/** Linear layers, on PyTorch's (out, in) weights. */
import type { Value } from '../../onnx/graph.ts';
import type { Module } from '../module.ts';
import type { Operand } from './integerProduct.ts';
import { type MatrixUse, matrixProduct } from './matrix.ts';

/**
 * `x @ weight.T + bias`
 * @param x (..., inputs)
 * @param bias whether the layer has one; none is asked of the checkpoint otherwise
 * @returns (..., outputs)
 */
export function linear(
  module: Module,
  x: Operand,
  sizes: readonly [inputs: number, outputs: number],
  bias: boolean,
  use: MatrixUse = 'other',
): Value {
  const product = matrixProduct(module, x, sizes, use);
  return bias ? withBias(module, product, sizes[1]) : product;
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
  return withBias(module, product, outputs);
}

const withBias = (module: Module, product: Value, size: number): Value =>
  module.node('Add', 'Add', [product, module.weight('bias', [size])]);
