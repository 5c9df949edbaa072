/** Checkpoints of a few hundred numbers, for tests that are about files and errors or small sums. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportSet } from '../../worker/export/exportSet.ts';
import { f32, type TensorToWrite, writeSafetensors } from './safetensors.ts';

type Tensors = Record<string, TensorToWrite>;
export interface TinyCheckpoint {
  readonly tensors: Tensors;
  readonly metadata: Record<string, string>;
}

/** Reproducible values in (-0.5, 0.5) that differ from tensor to tensor. */
export function filled(name: string, shape: readonly number[]): TensorToWrite {
  let state = [...name].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) >>> 0, 7);
  const count = shape.reduce((product, size) => product * size, 1);
  return f32(
    shape,
    Array.from({ length: count }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state / 2 ** 32 - 0.5;
    }),
  );
}

const named = (shapes: Record<string, readonly number[]>): Tensors =>
  Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, filled(name, shape)]));

export const TINY_DIM = 8;
export const TINY_HIDDEN = 32;
export const TINY_TOKENS = 6;
const VOCABULARY = 11;
export const TINY_MODALITIES = {
  caption: { type: 'seq', vocab_size: VOCABULARY, max_tokens: TINY_TOKENS },
} as const;

/** An FM that knows and predicts captions: one block each, ungated GELU MLPs, biases everywhere. */
export function tinyFm(): TinyCheckpoint {
  const d = TINY_DIM;
  const h = TINY_HIDDEN;
  const linear = (name: string, inputs: number, outputs: number) => ({
    [`${name}.weight`]: [outputs, inputs],
    [`${name}.bias`]: [outputs],
  });
  const norm = (name: string) => ({ [`${name}.weight`]: [d], [`${name}.bias`]: [d] });
  const mlp = (name: string) => ({
    ...linear(`${name}.fc1`, d, h),
    ...linear(`${name}.fc2`, h, d),
  });
  const embedding = (side: string) => ({
    [`${side}_embeddings.caption.token_emb.weight`]: [VOCABULARY, d],
    [`${side}_embeddings.caption.pos_emb`]: [1, TINY_TOKENS, d],
  });
  return {
    metadata: {
      domains_in: "['caption']",
      domains_out: "['caption']",
      dim: String(d),
      encoder_depth: '1',
      decoder_depth: '1',
      num_heads: '2',
      mlp_ratio: '4.0',
      act_layer: 'GELU',
      gated_mlp: 'False',
      qkv_bias: 'True',
      proj_bias: 'True',
      mlp_bias: 'True',
      norm_bias: 'True',
      share_modality_embeddings: 'True',
      licence: 'CC0-1.0',
      modality_info: JSON.stringify(TINY_MODALITIES),
    },
    tensors: named({
      mask_token: [1, 1, d],
      ...embedding('encoder'),
      'encoder_embeddings.caption.mod_emb': [1, 1, d],
      ...embedding('decoder'),
      'decoder_embeddings.caption.to_logits.weight': [VOCABULARY, d],
      ...norm('encoder.0.norm1'),
      ...linear('encoder.0.attn.qkv', d, 3 * d),
      ...linear('encoder.0.attn.proj', d, d),
      ...norm('encoder.0.norm2'),
      ...mlp('encoder.0.mlp'),
      ...norm('encoder_norm'),
      ...linear('decoder_proj_context', d, d),
      ...norm('decoder.0.norm1'),
      ...linear('decoder.0.self_attn.qkv', d, 3 * d),
      ...linear('decoder.0.self_attn.proj', d, d),
      ...norm('decoder.0.query_norm'),
      ...norm('decoder.0.context_norm'),
      ...linear('decoder.0.cross_attn.q', d, d),
      ...linear('decoder.0.cross_attn.kv', d, 2 * d),
      ...linear('decoder.0.cross_attn.proj', d, d),
      ...norm('decoder.0.norm2'),
      ...mlp('decoder.0.mlp'),
      ...norm('decoder_norm'),
    }),
  };
}

/** A tokenizer of vectors of 3 numbers: 2 codebooks of 5. */
export function tinyTokenizer(): TinyCheckpoint {
  const linear = (name: string, inputs: number, outputs: number, ones: number[] = []) => ({
    [`${name}.weight`]: [outputs, inputs, ...ones],
    [`${name}.bias`]: [outputs],
  });
  const bottleneck = (side: string, inputs: number, outputs: number) => ({
    ...linear(`${side}.linear_in`, inputs, 4),
    ...linear(`${side}.blocks.0.block.0`, 4, 16),
    ...linear(`${side}.blocks.0.block.2`, 16, 4),
    [`${side}.layernorms.0.weight`]: [4],
    [`${side}.layernorms.0.bias`]: [4],
    ...linear(`${side}.linear_out`, 4, outputs),
  });
  return {
    metadata: {
      enc_type: 'BottleneckMLP/B_1-Wi_4',
      dec_type: 'BottleneckMLP/B_1-Wi_4',
      n_channels: '3',
      n_labels: 'None',
      quant_type: 'memcodes',
      codebook_size: '5',
      num_codebooks: '2',
      latent_dim: '6',
    },
    tensors: named({
      ...bottleneck('encoder', 3, 4),
      ...linear('quant_proj', 4, 6, [1, 1]),
      'quantize.codes': [2, 5, 3],
      'quantize.to_k.weight': [2, 3, 3],
      'quantize.to_v.weight': [2, 3, 3],
      ...linear('post_quant_proj', 6, 4, [1, 1]),
      ...bottleneck('decoder', 4, 3),
    }),
  };
}

export const writeTiny = (file: string, { tensors, metadata }: TinyCheckpoint): Promise<void> =>
  writeSafetensors(file, tensors, metadata);

/** Exports a set of the two to a folder that does not exist yet. */
export async function exportTinySet(folder: string): Promise<void> {
  const source = await mkdtemp(join(tmpdir(), '4m-tiny-'));
  try {
    await writeTiny(join(source, 'fm.safetensors'), tinyFm());
    await writeTiny(join(source, 'tok_vector.safetensors'), tinyTokenizer());
    await writeFile(join(source, 'tokenizer.json'), '{}');
    await exportSet(source, folder, { id: 'tiny' });
  } finally {
    await rm(source, { recursive: true });
  }
}
