/** The two graphs of an FM: what is known -> context, and context + targets -> logits. */
import type { FmConfig } from '../../shared/model/config.ts';
import type { ModalityInfo } from '../../shared/model/modalities.ts';
import { decoderSignature, encoderSignature } from '../../shared/model/signature.ts';
import { createGraph, type GraphBuilder, type Value } from '../onnx/graph.ts';
import { crossAttention, selfAttention } from './blocks/attention.ts';
import { placeEmbedding, tokenContent } from './blocks/fmEmbedding.ts';
import { linear } from './blocks/linear.ts';
import { mlp } from './blocks/mlp.ts';
import { layerNorm } from './blocks/norm.ts';
import { attentionShape, encode, maskWithRegisters, mlpShape, modalityModule } from './fmTrunk.ts';
import { type Module, rootModule } from './module.ts';
import type { Weights } from './weights.ts';

type Modalities = Readonly<Record<string, ModalityInfo>>;

/**
 * Tensors that a checkpoint may hold and inference never reads: image targets start from the mask token
 * and not from their own token tables, and a model without image targets has no use for the mask token.
 */
export const unusedFmTensors = (config: FmConfig, modalities: Modalities): string[] => [
  'mask_token',
  ...config.domains_out
    .filter((name) => modalities[name]!.type === 'img')
    .map((name) => `decoder_embeddings.${name}.token_emb.weight`),
];

/** The encoder graph, see `encoderSignature`. */
export function fmEncoderGraph(
  config: FmConfig,
  modalities: Modalities,
  weights: Weights,
): GraphBuilder {
  const graph = createGraph('fm encoder', encoderSignature(config, modalities));
  const root = rootModule(graph, weights);
  const { dim } = config;
  const { features, place } = encode(root, config, modalities, config.share_modality_embeddings);
  const projected = linear(root.at('decoder_proj_context'), features, [dim, dim], true);
  graph.output('features', features);
  graph.output('context', root.node('placed_context', 'Add', [projected, place]));
  return graph;
}

/** The decoder graph, see `decoderSignature`. */
export function fmDecoderGraph(
  config: FmConfig,
  modalities: Modalities,
  weights: Weights,
): GraphBuilder {
  const graph = createGraph('fm decoder', decoderSignature(config, modalities));
  const root = rootModule(graph, weights);
  const { dim } = config;
  const targets = config.domains_out.map((name) => ({ name, info: modalities[name]! }));

  const tokens = targets.map(({ name, info }) => {
    const module = root.at('decoder_embeddings', name);
    const modality = modalityModule(root, 'decoder', name, config.share_modality_embeddings);
    const place = placeEmbedding(module, modality, name, dim);
    const content =
      info.type === 'seq'
        ? tokenContent(module, name, info.vocab_size!, dim)
        : root.weight('mask_token', [1, 1, dim]);
    return module.node('token', 'Add', [content, place]); // (B, m, D)
  });
  const lengths = targets.map(({ name }) =>
    root
      .at('decoder_embeddings', name)
      .node('length', 'Shape', [graph.input(`${name}.positions`)], { start: 1, end: 2 }),
  );
  const hiddenTargets = targetMask(root, lengths);
  const mask = maskWithRegisters(root, config.num_register_tokens); // (B, R+N)
  const hiddenKeys = root.node('hidden_keys', 'Unsqueeze', [mask, graph.int64([1, 2])]); // (B, 1, 1, R+N)
  const context = graph.input('context');

  let y = root.node('targets', 'Concat', tokens, { axis: 1 }); // (B, M, D)
  for (let i = 0; i < config.decoder_depth; i++) {
    const block = root.at('decoder', i);
    const own = selfAttention(
      block.at('self_attn'),
      layerNorm(block.at('norm1'), y, dim),
      attentionShape(config),
      hiddenTargets,
    );
    y = block.node('after_self_attention', 'Add', [y, own]);
    const read = crossAttention(
      block.at('cross_attn'),
      layerNorm(block.at('query_norm'), y, dim),
      layerNorm(block.at('context_norm'), context, dim),
      attentionShape(config),
      hiddenKeys,
    );
    y = block.node('after_cross_attention', 'Add', [y, read]);
    const fed = mlp(block.at('mlp'), layerNorm(block.at('norm2'), y, dim), mlpShape(config));
    y = block.node('after_mlp', 'Add', [y, fed]);
  }
  y = layerNorm(root.at('decoder_norm'), y, dim);

  const sizes = root.node('lengths', 'Concat', lengths, { axis: 0 });
  const parts = root.nodes('per_modality', 'Split', [y, sizes], targets.length, { axis: 1 });
  targets.forEach(({ name, info }, i) => {
    const head = root.at('decoder_embeddings', name).at('to_logits');
    graph.output(`${name}.logits`, linear(head, parts[i]!, [dim, info.vocab_size!], false));
  });
  return graph;
}

/**
 * True where target i must not see target j: j is of another modality (targets in one run are decoded as
 * if alone), or comes later while `causal` is true.
 * @param lengths one-element vectors, tokens of each modality
 * @returns (M, M)
 */
function targetMask(root: Module, lengths: readonly Value[]): Value {
  const { graph } = root;
  const mask = root.at('target_mask');
  const kinds = lengths.map((length, i) =>
    mask.node(`kind.${i}`, 'Expand', [graph.int64([i]), length]),
  );
  const kind = mask.node('kind', 'Concat', kinds, { axis: 0 }); // (M)
  const row = (x: Value, name: string) =>
    mask.node(`${name}/row`, 'Unsqueeze', [x, graph.int64([1])]);
  const same = mask.node('same', 'Equal', [row(kind, 'kind'), kind]);
  const count = mask.node('count', 'Size', [kind]);
  const order = mask.node('order', 'Range', [graph.int64(0), count, graph.int64(1)]);
  const later = mask.node('later', 'Less', [row(order, 'order'), order]);
  const tooEarly = mask.node('too_early', 'And', [graph.input('causal'), later]);
  return mask.node('hidden', 'Or', [mask.node('other', 'Not', [same]), tooEarly]);
}
