/** Linear layers, on PyTorch's (out, in) weights as they lie in the checkpoint. */
import type { Value } from '../../onnx/graph.ts';
import type { Module } from '../module.ts';

/**
 * `x @ weight.T + bias`
 * @param x (..., inputs)
 * @param bias whether the layer has one; none is asked of the checkpoint otherwise
 * @returns (..., outputs)
 */
export function linear(
  module: Module,
  x: Value,
  [inputs, outputs]: readonly [number, number],
  bias: boolean,
): Value {
  return affine(module, x, module.weight('weight', [outputs, inputs]), bias ? outputs : 0);
}

/** As `linear`, for a 1x1 convolution (outputs, inputs, 1, 1) applied to the last axis. */
export function pointwise(
  module: Module,
  x: Value,
  [inputs, outputs]: readonly [number, number],
): Value {
  const weight = module.weight('weight', [outputs, inputs, 1, 1], [outputs, inputs]);
  return affine(module, x, weight, outputs);
}

function affine(module: Module, x: Value, weight: Value, biasSize: number): Value {
  const product = module.node('MatMul', 'FusedMatMul', [x, weight], { transB: 1 });
  if (!biasSize) return product;
  return module.node('Add', 'Add', [product, module.weight('bias', [biasSize])]);
}
