/** Checkpoint configs, as zod schemas over the values the public checkpoints carry in their metadata. */
import { z } from 'zod';

const flag = (fallback: boolean) => z.boolean().default(fallback);

/** The encoder-decoder transformer (`FM`); unknown keys are kept out, unknown values are errors. */
export const fmConfigSchema = z.object({
  domains_in: z.array(z.string()).min(1),
  domains_out: z.array(z.string()).min(1),
  image_size: z.number().int().positive().default(224),
  patch_size: z.number().int().positive().default(16),
  dim: z.number().int().positive(),
  encoder_depth: z.number().int().positive(),
  decoder_depth: z.number().int().positive(),
  num_heads: z.number().int().positive(),
  mlp_ratio: z.number().positive().default(4),
  act_layer: z.enum(['SiLU', 'GELU']).default('SiLU'),
  norm_bias: flag(false),
  qkv_bias: flag(false),
  proj_bias: flag(false),
  mlp_bias: flag(false),
  gated_mlp: flag(true),
  qk_norm: flag(false),
  share_modality_embeddings: flag(false),
  num_register_tokens: z.number().int().min(0).default(0),
});
export type FmConfig = z.infer<typeof fmConfigSchema>;

export const vitPresetSchema = z.object({
  dim_tokens: z.number().int().positive(),
  depth: z.number().int().positive(),
  num_heads: z.number().int().positive(),
  mlp_ratio: z.number().positive().default(4),
  qkv_bias: z.boolean().default(true),
});
export type VitPreset = z.infer<typeof vitPresetSchema>;

/** Sizes behind `vit_s_enc`, `vit_b_dec` and the like; a checkpoint's `vit_presets` may add its own. */
export const VIT_PRESETS: Readonly<Record<string, VitPreset>> = Object.fromEntries(
  (
    [
      ['s', 512, 8, 8],
      ['b', 768, 12, 12],
      ['l', 1024, 24, 16],
    ] as const
  ).flatMap(([size, dim_tokens, depth, num_heads]) =>
    ['enc', 'dec'].map((side) => [
      `vit_${size}_${side}`,
      { dim_tokens, depth, num_heads, mlp_ratio: 4, qkv_bias: true },
    ]),
  ),
);

/** A VQ-VAE tokenizer. */
export const vqConfigSchema = z.object({
  image_size: z.number().int().positive().default(224),
  n_channels: z.number().int().positive(),
  n_labels: z.number().int().positive().nullable().default(null),
  enc_type: z.string(),
  dec_type: z.string(),
  patch_proj: flag(true),
  post_mlp: flag(false),
  patch_size: z.number().int().positive().default(16),
  quant_type: z.enum(['lucid', 'memcodes']).default('lucid'),
  codebook_size: z.number().int().positive(),
  num_codebooks: z.number().int().positive().default(1),
  latent_dim: z.number().int().positive(),
  norm_codes: flag(true),
  undo_std: flag(false),
  out_conv: flag(false),
});
export type VqConfig = z.infer<typeof vqConfigSchema>;
