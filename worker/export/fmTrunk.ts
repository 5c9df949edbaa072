/** The encoder of an FM, which a backbone is as well: tokens of any modalities -> features. */
import { fieldOf } from '../../shared/lookup.ts';
import type { BlockShape, FmConfig, FmVitConfig } from '../../shared/model/config.ts';
import type { ModalityInfo } from '../../shared/model/modalities.ts';
import type { Value } from '../onnx/graph.ts';
import { selfAttention } from './blocks/attention.ts';
import { encoderContent, placeEmbedding } from './blocks/fmEmbedding.ts';
import { hiddenSize, type MlpShape, mlp } from './blocks/mlp.ts';
import { layerNorm } from './blocks/norm.ts';
import type { AttentionShape } from './blocks/projections.ts';
import { type Visibility, visibilityOf } from './blocks/visibility.ts';
import type { Module } from './module.ts';

export const attentionShape = (config: BlockShape): AttentionShape => ({
  dim: config.dim,
  heads: config.num_heads,
  qkvBias: config.qkv_bias,
  projBias: config.proj_bias,
  qkNorm: config.qk_norm,
});

export const mlpShape = (config: BlockShape): MlpShape => ({
  dim: config.dim,
  hidden: hiddenSize(config.dim, config.mlp_ratio, config.gated_mlp),
  gated: config.gated_mlp,
  bias: config.mlp_bias,
  activation: config.act_layer,
});

/**
 * Where a modality's `mod_emb` lies. Where encoder and decoder share one, it is stored under either name:
 * a safetensors file holds a tensor once.
 */
export function modalityModule(
  root: Module,
  side: 'encoder' | 'decoder',
  name: string,
  shared: boolean,
): Module {
  const own = root.at(`${side}_embeddings`, name);
  if (!shared || own.weights.has('mod_emb')) return own;
  const other = root.at(`${side === 'encoder' ? 'decoder' : 'encoder'}_embeddings`, name);
  return other.weights.has('mod_emb') ? other : own;
}

/** The graph's `mask` (B, N) with a false in front for each register token: they are never padding. */
export function maskWithRegisters(root: Module, registers: number): Value {
  const mask = root.graph.input('mask');
  if (registers === 0) return mask;
  const pads = root.graph.int64([0, registers, 0, 0]);
  return root.node('mask_with_registers', 'Pad', [mask, pads]); // (B, R+N)
}

export interface Encoded {
  /** (B, R+N, D), after `encoder_norm`; R register tokens lead. */
  readonly features: Value;
  /** (B, R+N, D) position and modality embedding, zero for registers and padding. */
  readonly place: Value;
}

/**
 * Embeds the graph's inputs and runs the encoder's blocks.
 * @param shared whether encoder and decoder may keep one `mod_emb` for both, under either name
 */
export function encode(
  root: Module,
  config: FmConfig | FmVitConfig,
  modalities: Readonly<Record<string, ModalityInfo>>,
  shared: boolean,
): Encoded {
  const { graph } = root;
  const { num_register_tokens: registers } = config;
  const embedded = embedInputs(root, config, modalities, shared);
  const padding = root.node('padding', 'Unsqueeze', [graph.input('mask'), graph.int64([2])]); // (B, N, 1)
  const join = (name: string, parts: Value[]): Value => {
    const all = root.node(`${name}/all`, 'Concat', parts, { axis: 1 });
    return root.node(name, 'Where', [padding, graph.float32(0), all]); // (B, N, D)
  };
  const content = withRegisters(
    root,
    join(
      'content',
      embedded.map((modality) => modality.content),
    ),
    config,
  );
  const given = join(
    'place',
    embedded.map((modality) => modality.place),
  );
  const pads = graph.int64([0, registers, 0, 0, 0, 0]);
  const place = registers === 0 ? given : root.node('place_with_registers', 'Pad', [given, pads]); // (B, R+N, D)
  const hiddenKeys = root.node('hidden_keys', 'Unsqueeze', [
    maskWithRegisters(root, registers),
    graph.int64([1, 2]),
  ]); // (B, 1, 1, R+N)

  const seen = visibilityOf(root.at('tokens_seen'), hiddenKeys);
  return { features: encoderBlocks(root, content, place, config, seen), place };
}

/**
 * The blocks and the norm after them.
 * @param content (B, N, D)
 * @param place (B, N, D)
 * @param seen broadcast to (B, H, N, N)
 * @returns (B, N, D)
 */
export function encoderBlocks(
  root: Module,
  content: Value,
  place: Value,
  config: FmConfig | FmVitConfig,
  seen: Visibility,
): Value {
  const { dim } = config;
  let x = root.node('tokens', 'Add', [content, place]);
  for (let i = 0; i < config.encoder_depth; i++) {
    const block = root.at('encoder', i);
    const attended = selfAttention(
      block.at('attn'),
      layerNorm(block.at('norm1'), x, dim),
      attentionShape(config),
      seen,
    );
    x = block.node('after_attention', 'Add', [x, attended]);
    const fed = mlp(block.at('mlp'), layerNorm(block.at('norm2'), x, dim), mlpShape(config));
    x = block.node('after_mlp', 'Add', [x, fed]);
  }
  return layerNorm(root.at('encoder_norm'), x, dim);
}

/** Content and place of the tokens of every input modality, each (B, n, D). */
export const embedInputs = (
  root: Module,
  config: FmConfig | FmVitConfig,
  modalities: Readonly<Record<string, ModalityInfo>>,
  shared: boolean,
): readonly { readonly content: Value; readonly place: Value }[] =>
  config.domains_in.map((name) => {
    const module = root.at('encoder_embeddings', name);
    const modality = modalityModule(root, 'encoder', name, shared);
    return {
      content: encoderContent(module, name, fieldOf(modalities, name, 'modalities'), config.dim),
      place: placeEmbedding(module, modality, name, config.dim),
    };
  });

/** Content (B, N, D) -> (B, R+N, D). */
function withRegisters(
  root: Module,
  content: Value,
  { dim, num_register_tokens }: BlockShape,
): Value {
  if (num_register_tokens === 0) return content;
  const { graph } = root;
  const registers = root.weight('register_tokens', [1, num_register_tokens, dim]);
  const batch = root.node('batch', 'Shape', [content], { start: 0, end: 1 });
  const shape = root.node('registers/shape', 'Concat', [batch, graph.int64([1, 1])], { axis: 0 });
  const rows = root.node('registers', 'Expand', [registers, shape]); // (B, R, D)
  return root.node('content_with_registers', 'Concat', [rows, content], { axis: 1 });
}
