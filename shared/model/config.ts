/** Checkpoint configs, as zod schemas over the values the public checkpoints carry in their metadata. */
import * as z from 'zod';

const flag = (fallback: boolean) => z.boolean().default(fallback);

/** What the blocks of an FM, and of a backbone taken from one, are made of; defaults of the public class. */
const blockShape = {
  dim: z.number().int().positive(),
  num_heads: z.number().int().positive(),
  mlp_ratio: z.number().positive().default(4),
  act_layer: z.enum(['SiLU', 'GELU']),
  norm_bias: flag(false),
  qkv_bias: flag(true),
  proj_bias: flag(true),
  mlp_bias: flag(true),
  gated_mlp: flag(false),
  qk_norm: flag(false),
  num_register_tokens: z.number().int().min(0).default(0),
};
export type BlockShape = z.infer<z.ZodObject<typeof blockShape>>;

/** The encoder-decoder transformer (`FM`); unknown keys are kept out, unknown values are errors. */
export const fmConfigSchema = z.object({
  domains_in: z.array(z.string()).min(1),
  domains_out: z.array(z.string()).min(1),
  image_size: z.number().int().positive().default(224),
  patch_size: z.number().int().positive().default(16),
  ...blockShape,
  encoder_depth: z.number().int().positive(),
  decoder_depth: z.number().int().positive(),
  share_modality_embeddings: flag(true),
});
export type FmConfig = z.infer<typeof fmConfigSchema>;

/**
 * An FM's encoder as a backbone (`FMViT`), over pixels as published or over any of the modalities whose
 * embeddings the checkpoint holds.
 */
export const fmVitConfigSchema = z.object({
  domains_in: z.array(z.string()).min(1),
  ...blockShape,
  encoder_depth: z.number().int().positive(),
  /** Classes of the head (mean over tokens, LayerNorm, Linear), or null for features only. */
  classes: z.number().int().positive().nullable(),
});
export type FmVitConfig = z.infer<typeof fmVitConfigSchema>;

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

/** Encoder and quantizer, which all tokenizers have (`VQ`); defaults are those of the public class. */
const quantizing = {
  image_size: z.number().int().positive().default(224),
  n_channels: z.number().int().positive().default(3),
  n_labels: z.number().int().positive().nullable().default(null),
  enc_type: z.string(),
  patch_proj: flag(true),
  post_mlp: flag(false),
  patch_size: z.number().int().positive().default(16),
  quant_type: z.enum(['lucid', 'memcodes']).default('lucid'),
  codebook_size: z.number().int().positive().default(16384),
  num_codebooks: z.number().int().positive().default(1),
  latent_dim: z.number().int().positive().default(32),
  norm_codes: flag(true),
  /** Latents of length one; tells only where `norm_codes` is off, since cosine knows no length. */
  norm_latents: flag(false),
  /** Pixels come ImageNet-standardised and are turned to [-1, 1] first. */
  undo_std: flag(false),
};
export type QuantizingConfig = z.infer<z.ZodObject<typeof quantizing>>;

/** A VQ-VAE tokenizer. */
export const vqConfigSchema = z.object({
  ...quantizing,
  dec_type: z.string().default('vit_b_dec'),
  /** Defaults to `patch_size`. */
  patch_size_dec: z.number().int().positive().nullable().default(null),
  out_conv: flag(false),
});
export type VqConfig = z.infer<typeof vqConfigSchema>;

/** `PatchedUNetCondCat`, by the names of the public code. */
export const unetPresetSchema = z.object({
  patch_size: z.number().int().positive(),
  model_channels: z.number().int().positive(),
  num_res_blocks: z.number().int().positive(),
  /** Attention follows a block where the grid is this many times smaller than the patches'. */
  attention_resolutions: z.array(z.number().int().positive()),
  channel_mult: z.array(z.number().int().positive()).min(1),
  num_heads: z.number().int().positive().default(1),
  group_norm_groups: z.number().int().positive().default(32),
});
export type UnetPreset = z.infer<typeof unetPresetSchema>;

/** `UViT`: convolutions around a transformer, by the names of the public code. */
export const uvitPresetSchema = z.object({
  patch_size: z.number().int().positive(),
  block_out_channels: z.array(z.number().int().positive()).min(1),
  layers_per_block: z.number().int().positive(),
  downsample_before_mid: flag(false),
  mid_layers: z.number().int().positive(),
  mid_num_heads: z.number().int().positive(),
  mid_dim: z.number().int().positive(),
  mid_mlp_ratio: z.number().positive().default(4),
  mid_qkv_bias: flag(true),
  mid_use_long_skip: flag(false),
  norm_num_groups: z.number().int().positive().default(32),
});
export type UvitPreset = z.infer<typeof uvitPresetSchema>;

/** A tokenizer whose decoder is a diffusion model (`DiVAE`); defaults are those of the public class. */
export const divaeConfigSchema = z.object({
  ...quantizing,
  dec_type: z.string().default('unet_patched'),
  num_train_timesteps: z.number().int().positive().default(1000),
  /** Anything but `ddpm` is DDIM, as in the public code. */
  scheduler: z.string().default('ddpm'),
  /** `linear`, `squaredcos_cap_v2` or `shifted_cosine:SHIFT`. */
  beta_schedule: z
    .string()
    .regex(/^(linear|squaredcos_cap_v2|shifted_cosine:[\d.]+)$/)
    .default('squaredcos_cap_v2'),
  prediction_type: z.enum(['sample', 'epsilon', 'v_prediction']).default('v_prediction'),
  clip_sample: flag(false),
  thresholding: flag(true),
  /** How a UViT is told the codes. */
  conditioning: z.enum(['concat', 'xattn']).default('concat'),
  zero_terminal_snr: flag(true),
});
export type DivaeConfig = z.infer<typeof divaeConfigSchema>;
