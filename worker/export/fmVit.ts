/**
 * The graph of a backbone: what an FM's encoder knows of its inputs, per token and as a whole, and the
 * classes of a head where there is one.
 */
import type { FmVitConfig } from '../../shared/model/config.ts';
import type { ModalityInfo } from '../../shared/model/modalities.ts';
import { fmVitSignature } from '../../shared/model/signature.ts';
import { createGraph, type GraphBuilder, type Value } from '../onnx/graph.ts';
import { linear } from './blocks/linear.ts';
import { layerNorm } from './blocks/norm.ts';
import { encode } from './fmTrunk.ts';
import { type Module, rootModule } from './module.ts';
import type { Weights } from './weights.ts';

/** PyTorch's own LayerNorm, unlike those of the encoder. */
const HEAD_EPSILON = 1e-5;

/** See `fmVitSignature`. */
export function fmVitGraph(
  config: FmVitConfig,
  modalities: Readonly<Record<string, ModalityInfo>>,
  weights: Weights,
): GraphBuilder {
  const graph = createGraph('backbone', fmVitSignature(config, modalities));
  const root = rootModule(graph, weights);
  const { dim, classes } = config;
  const { features } = encode(root, config, modalities, true);
  const pooled = meanOfTokens(root, features, config.num_register_tokens);
  graph.output('features', features);
  graph.output('pooled', pooled);
  if (classes === null) return graph;
  // Index 0 of the head is the mean, which has no weights.
  const layers = root.at('output_head');
  const normed = layerNorm(layers.at(1), pooled, dim, HEAD_EPSILON);
  const hasBias = layers.at(2).weights.has('bias');
  graph.output('logits', linear(layers.at(2), normed, [dim, classes], hasBias));
  return graph;
}

/**
 * Mean over the tokens that are neither padding nor registers; zero where a row has none.
 * @param features (B, R+N, D)
 * @returns (B, D)
 */
function meanOfTokens(root: Module, features: Value, registers: number): Value {
  const { graph } = root;
  const mean = root.at('pooled');
  const mask = graph.input('mask'); // (B, N)
  const tokens =
    registers === 0
      ? features
      : mean.node('tokens', 'Slice', [
          features,
          graph.int64([registers]),
          graph.int64([Number.MAX_SAFE_INTEGER]),
          graph.int64([1]),
        ]); // (B, N, D)
  const padding = mean.node('padding', 'Unsqueeze', [mask, graph.int64([2])]);
  const valid = mean.node('valid', 'Where', [padding, graph.float32(0), tokens]);
  const sum = mean.node('sum', 'ReduceSum', [valid, graph.int64([1])], { keepdims: 0 }); // (B, D)
  const ones = mean.node('ones', 'Where', [mask, graph.float32(0), graph.float32(1)]); // (B, N)
  const count = mean.node('count', 'ReduceSum', [ones, graph.int64([1])], { keepdims: 1 }); // (B, 1)
  const divisor = mean.node('divisor', 'Max', [count, graph.float32(1)]);
  return mean.node('mean', 'Div', [sum, divisor]);
}
