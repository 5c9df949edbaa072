/** Sizes of the published diffusion decoders, by the names of the public code. */
import type { UnetPreset, UvitPreset } from '../../../shared/model/config.ts';

export const UNET_PRESETS: Readonly<Record<string, UnetPreset>> = {
  unet_patched: {
    patch_size: 4,
    model_channels: 256,
    num_res_blocks: 3,
    attention_resolutions: [4, 8],
    channel_mult: [1, 2, 2, 2],
    num_heads: 1,
    group_norm_groups: 32,
  },
};

/** Transformer in the middle: layers, heads, width. */
const SIZES = { b: [12, 12, 768], l: [24, 16, 1024], h: [32, 16, 1280] } as const;

/** @param convolutions channels of each level around the transformer */
function uvit(
  size: keyof typeof SIZES,
  convolutions: readonly number[],
  options: { readonly downsample: boolean; readonly longSkip?: boolean },
): UvitPreset {
  const { downsample, longSkip = false } = options;
  const [layers, heads, width] = SIZES[size];
  return {
    patch_size: 4,
    block_out_channels: [...convolutions],
    layers_per_block: 2,
    downsample_before_mid: downsample,
    // Skips join blocks in pairs around a middle one.
    mid_layers: longSkip ? layers + 1 : layers,
    mid_num_heads: heads,
    mid_dim: width,
    mid_mlp_ratio: 4,
    mid_qkv_bias: true,
    mid_use_long_skip: longSkip,
    norm_num_groups: 32,
  };
}

const TWO_LEVELS = [128, 256];
const THREE_LEVELS = [128, 256, 512];

export const UVIT_PRESETS: Readonly<Record<string, UvitPreset>> = {
  uvit_b_p4_f16: uvit('b', TWO_LEVELS, { downsample: true }),
  uvit_l_p4_f16: uvit('l', TWO_LEVELS, { downsample: true }),
  uvit_h_p4_f16: uvit('h', TWO_LEVELS, { downsample: true }),
  uvit_b_p4_f16_longskip: uvit('b', TWO_LEVELS, { downsample: true, longSkip: true }),
  uvit_l_p4_f16_longskip: uvit('l', TWO_LEVELS, { downsample: true, longSkip: true }),
  uvit_b_p4_f8: uvit('b', TWO_LEVELS, { downsample: false }),
  uvit_l_p4_f8: uvit('l', TWO_LEVELS, { downsample: false }),
  uvit_b_p4_f16_extraconv: uvit('b', THREE_LEVELS, { downsample: false }),
  uvit_l_p4_f16_extraconv: uvit('l', THREE_LEVELS, { downsample: false }),
};
