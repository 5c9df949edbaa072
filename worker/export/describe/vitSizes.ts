/** Sizes of a tokenizer's transformers: as its presets have them, or else as its weights tell. */
import { VIT_PRESETS, type VitPreset } from '../../../shared/model/config.ts';
import type { Checkpoint } from '../../safetensors/checkpoint.ts';
import { hiddenSize } from '../blocks/mlp.ts';
import { ExportError } from '../errors.ts';

/** Channels of a head in every published tokenizer; no tensor's shape tells a model's own. */
const HEAD_CHANNELS = 64;

/** Where a type stands in the config, and where its transformer's tensors lie. */
const PREFIX = { enc_type: 'encoder.', dec_type: 'decoder.' } as const;

/**
 * @param key of the config that names the transformer `type`
 * @throws ExportError `config`, naming the key, where neither presets nor weights tell the sizes
 */
export function transformerSizes(
  checkpoint: Checkpoint,
  presets: Readonly<Record<string, VitPreset>>,
  key: keyof typeof PREFIX,
  type: string,
): VitPreset {
  const sizes = presets[type] ?? VIT_PRESETS[type] ?? sizesOfWeights(checkpoint, PREFIX[key]);
  const refuse = (problem: string) =>
    new ExportError('config', `${checkpoint.file}: ${key}: ${problem}`);
  if (!sizes) throw refuse(`no sizes are known for the transformer ${type}`);
  if (sizes.dim_tokens % sizes.num_heads !== 0)
    throw refuse(
      `the ${sizes.dim_tokens} channels of ${type} do not divide into ${sizes.num_heads} heads`,
    );
  return sizes;
}

function sizesOfWeights(checkpoint: Checkpoint, prefix: string): VitPreset | undefined {
  const shapeOf = (name: string) => checkpoint.tensors.get(prefix + name)?.shape ?? [];
  const [, dim = 0] = shapeOf('pos_emb'); // (1, D, H, W)
  const [hidden = 0] = shapeOf('blocks.0.mlp.fc1.weight'); // (hidden, D)
  if (dim === 0 || hidden === 0 || dim % HEAD_CHANNELS !== 0) return undefined;
  const mlp_ratio = hidden / dim;
  if (hiddenSize(dim, mlp_ratio, false) !== hidden) return undefined;
  let depth = 0;
  while (checkpoint.tensors.has(`${prefix}blocks.${depth}.norm1.weight`)) depth++;
  return {
    dim_tokens: dim,
    depth,
    num_heads: dim / HEAD_CHANNELS,
    mlp_ratio,
    qkv_bias: checkpoint.tensors.has(`${prefix}blocks.0.attn.qkv.bias`),
  };
}
