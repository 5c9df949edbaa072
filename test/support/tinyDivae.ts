/** A diffusion tokenizer of a few thousand numbers: pictures of 16 x 16 as 2 x 2 tokens. */
import { filled, type TinyCheckpoint } from './tinyModel.ts';

export const TINY_CHANNELS = 1;
export const TINY_CODES = 7;
const LATENT = 3;
const ENCODER_DIM = 8;
/** Channels of the two levels. */
const [FINE, COARSE] = [4, 8];
const TIME = 4 * FINE;

type Shapes = Record<string, readonly number[]>;

const layer = (name: string, ...weight: number[]): Shapes => ({
  [`${name}.weight`]: weight,
  [`${name}.bias`]: [weight[0]!],
});
const norm = (name: string, size: number): Shapes => layer(name, size);

const residual = (name: string, inputs: number, outputs: number): Shapes => ({
  ...norm(`${name}.in_layers.0`, inputs),
  ...layer(`${name}.in_layers.2`, outputs, inputs, 3, 3),
  ...layer(`${name}.emb_layers.1`, outputs, TIME),
  ...norm(`${name}.out_layers.0`, outputs),
  ...layer(`${name}.out_layers.3`, outputs, outputs, 3, 3),
  ...(inputs !== outputs && layer(`${name}.skip_connection`, outputs, inputs, 1, 1)),
});

const attention = (name: string, channels: number): Shapes => ({
  ...norm(`${name}.norm`, channels),
  ...layer(`${name}.qkv`, 3 * channels, channels, 1),
  ...layer(`${name}.proj_out`, channels, channels, 1),
});

/** Two levels, attention at the coarse one, pixels in patches of 2 x 2. */
const unet = (name: string): Shapes => ({
  ...layer(`${name}.time_embed.0`, TIME, FINE),
  ...layer(`${name}.time_embed.2`, TIME, TIME),
  ...layer(`${name}.input_blocks.0.0`, FINE, TINY_CHANNELS * 4 + LATENT, 3, 3),
  ...residual(`${name}.input_blocks.1.0`, FINE, FINE),
  ...layer(`${name}.input_blocks.2.0.op`, FINE, FINE, 3, 3),
  ...residual(`${name}.input_blocks.3.0`, FINE, COARSE),
  ...attention(`${name}.input_blocks.3.1`, COARSE),
  ...residual(`${name}.middle_block.0`, COARSE, COARSE),
  ...attention(`${name}.middle_block.1`, COARSE),
  ...residual(`${name}.middle_block.2`, COARSE, COARSE),
  ...residual(`${name}.output_blocks.0.0`, COARSE + COARSE, COARSE),
  ...attention(`${name}.output_blocks.0.1`, COARSE),
  ...residual(`${name}.output_blocks.1.0`, COARSE + FINE, COARSE),
  ...attention(`${name}.output_blocks.1.1`, COARSE),
  ...layer(`${name}.output_blocks.1.2.conv`, COARSE, COARSE, 3, 3),
  ...residual(`${name}.output_blocks.2.0`, COARSE + FINE, FINE),
  ...residual(`${name}.output_blocks.3.0`, FINE + FINE, FINE),
  ...norm(`${name}.out.0`, FINE),
  ...layer(`${name}.out.2`, TINY_CHANNELS * 4, FINE, 3, 3),
});

const encoder = (name: string): Shapes => ({
  ...layer(`${name}.proj`, ENCODER_DIM, TINY_CHANNELS, 8, 8),
  [`${name}.pos_emb`]: [1, ENCODER_DIM, 2, 2],
  ...norm(`${name}.blocks.0.norm1`, ENCODER_DIM),
  ...layer(`${name}.blocks.0.attn.qkv`, 3 * ENCODER_DIM, ENCODER_DIM),
  ...layer(`${name}.blocks.0.attn.proj`, ENCODER_DIM, ENCODER_DIM),
  ...norm(`${name}.blocks.0.norm2`, ENCODER_DIM),
  ...layer(`${name}.blocks.0.mlp.fc1`, 4 * ENCODER_DIM, ENCODER_DIM),
  ...layer(`${name}.blocks.0.mlp.fc2`, ENCODER_DIM, 4 * ENCODER_DIM),
});

/** @param metadata entries that differ from the usual, or more of them */
export function tinyDivae(metadata: Readonly<Record<string, string>> = {}): TinyCheckpoint {
  const shapes: Shapes = {
    ...encoder('encoder'),
    ...layer('quant_proj', LATENT, ENCODER_DIM, 1, 1),
    'quantize._codebook.embed': [TINY_CODES, LATENT],
    ...unet('decoder'),
  };
  return {
    metadata: {
      image_size: '16',
      n_channels: String(TINY_CHANNELS),
      n_labels: 'None',
      enc_type: 'vit_t_enc',
      dec_type: 'unet_t',
      patch_size: '8',
      codebook_size: String(TINY_CODES),
      latent_dim: String(LATENT),
      scheduler: 'ddim',
      beta_schedule: 'linear',
      prediction_type: 'sample',
      vit_presets: JSON.stringify({
        vit_t_enc: { dim_tokens: ENCODER_DIM, depth: 1, num_heads: 2 },
        unet_t: {
          patch_size: 2,
          model_channels: FINE,
          num_res_blocks: 1,
          attention_resolutions: [2],
          channel_mult: [1, COARSE / FINE],
          group_norm_groups: 2,
        },
      }),
      ...metadata,
    },
    tensors: Object.fromEntries(
      Object.entries(shapes).map(([name, shape]) => [name, filled(name, shape)]),
    ),
  };
}
