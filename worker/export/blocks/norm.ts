/** Layer normalisation over the last axis. */
import type { Value } from '../../onnx/graph.ts';
import type { Module } from '../module.ts';

/** Of the transformers; the MLP tokenizers use 1e-5. */
export const TRANSFORMER_EPSILON = 1e-6;

/**
 * @param x (..., size)
 * A bias of zeros (checkpoints "without bias" store one as a buffer) is left out of the graph, and its
 * absence from the checkpoint is the same thing.
 */
export function layerNorm(
  module: Module,
  x: Value,
  size: number,
  epsilon: number = TRANSFORMER_EPSILON,
): Value {
  const inputs = [x, module.weight('weight', [size])];
  if (module.weights.has('bias')) {
    const bias = module.weights.tensor('bias', [size]);
    if (!module.weights.isZero('bias')) inputs.push(module.graph.external(bias));
  }
  return module.node('LayerNormalization', 'LayerNormalization', inputs, {
    axis: -1,
    epsilon: { float: epsilon },
  });
}
