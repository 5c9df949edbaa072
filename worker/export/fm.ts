/** The two graphs of an FM: what is known -> context, and context + targets -> logits. */
import { fieldOf, itemAt } from '../../shared/lookup.ts';
import type { FmConfig } from '../../shared/model/config.ts';
import { logitsName, positionsName, vocabularyOf } from '../../shared/model/graphNames.ts';
import type { ModalityInfo } from '../../shared/model/modalities.ts';
import { decoderSignature, encoderSignature } from '../../shared/model/signature.ts';
import { createGraph, type GraphBuilder, type Value } from '../onnx/graph.ts';
import { crossAttention, selfAttention } from './blocks/attention.ts';
import { placeEmbedding, tokenContent } from './blocks/fmEmbedding.ts';
import { linear } from './blocks/linear.ts';
import { layerNorm } from './blocks/norm.ts';
import { visibilityOf } from './blocks/visibility.ts';
import { decoderBlocks } from './decoderBlocks.ts';
import { attentionShape, encode, maskWithRegisters, modalityModule } from './fmTrunk.ts';
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
    .filter((name) => fieldOf(modalities, name, 'modalities').type === 'img')
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
  const targets = config.domains_out.map((name) => ({
    name,
    isSequence: fieldOf(modalities, name, 'modalities').type === 'seq',
    vocabulary: vocabularyOf(name, modalities),
  }));

  const tokens = targets.map(({ name, isSequence, vocabulary }) => {
    const module = root.at('decoder_embeddings', name);
    const modality = modalityModule(root, 'decoder', name, config.share_modality_embeddings);
    const place = placeEmbedding(module, modality, name, dim);
    const content = isSequence
      ? tokenContent(module, name, vocabulary, dim)
      : root.weight('mask_token', [1, 1, dim]);
    return module.node('token', 'Add', [content, place]); // (B, m, D)
  });
  const lengths = targets.map(({ name }) =>
    root
      .at('decoder_embeddings', name)
      .node('length', 'Shape', [graph.input(positionsName(name))], { start: 1, end: 2 }),
  );
  const targetsSeen = visibilityOf(root.at('targets_seen'), targetMask(root, lengths));
  const mask = maskWithRegisters(root, config.num_register_tokens); // (B, R+N)
  const hiddenKeys = root.node('hidden_keys', 'Unsqueeze', [mask, graph.int64([1, 2])]); // (B, 1, 1, R+N)
  const contextSeen = visibilityOf(root.at('context_seen'), hiddenKeys);
  const context = graph.input('context');

  const joined = root.node('targets', 'Concat', tokens, { axis: 1 }); // (B, M, D)
  const shape = attentionShape(config);
  const y = decoderBlocks(root, config, joined, {
    self: (module, x) => selfAttention(module, x, shape, targetsSeen),
    cross: (module, x, _, block) => {
      const seen = layerNorm(block.at('context_norm'), context, dim);
      return crossAttention(module, x, seen, shape, contextSeen);
    },
  });

  const sizes = root.node('lengths', 'Concat', lengths, { axis: 0 });
  const parts = root.nodes('per_modality', 'Split', [y, sizes], targets.length, { axis: 1 });
  for (const [i, { name, vocabulary }] of targets.entries()) {
    const head = root.at('decoder_embeddings', name).at('to_logits');
    const own = itemAt(parts, i, 'targets per modality');
    graph.output(logitsName(name), linear(head, own, [dim, vocabulary], false));
  }
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
