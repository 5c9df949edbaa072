/** The blocks of an FM's decoder; how their two attentions read is up to the graph. */
import type { FmConfig } from '../../shared/model/config.ts';
import type { Value } from '../onnx/graph.ts';
import { mlp } from './blocks/mlp.ts';
import { layerNorm } from './blocks/norm.ts';
import { mlpShape } from './fmTrunk.ts';
import type { Module } from './module.ts';

/**
 * One attention of a block.
 * @param module where its weights lie
 * @param x (B, m, D), normed
 * @returns (B, m, D)
 */
export type BlockAttention = (module: Module, x: Value, layer: number, block: Module) => Value;

/**
 * Every block adds what the targets read of each other, then what they read of the context, then its MLP; the
 * norm after the blocks is the last.
 * @param tokens (B, m, D)
 * @returns (B, m, D)
 */
export function decoderBlocks(
  root: Module,
  config: FmConfig,
  tokens: Value,
  attention: { readonly self: BlockAttention; readonly cross: BlockAttention },
): Value {
  const { dim } = config;
  let y = tokens;
  for (let layer = 0; layer < config.decoder_depth; layer++) {
    const block = root.at('decoder', layer);
    const normed = layerNorm(block.at('norm1'), y, dim);
    const own = attention.self(block.at('self_attn'), normed, layer, block);
    y = block.node('after_self_attention', 'Add', [y, own]);
    const query = layerNorm(block.at('query_norm'), y, dim);
    const read = attention.cross(block.at('cross_attn'), query, layer, block);
    y = block.node('after_cross_attention', 'Add', [y, read]);
    const fed = mlp(block.at('mlp'), layerNorm(block.at('norm2'), y, dim), mlpShape(config));
    y = block.node('after_mlp', 'Add', [y, fed]);
  }
  return layerNorm(root.at('decoder_norm'), y, dim);
}
