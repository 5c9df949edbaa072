/**
 * Checkpoints of published sizes with random weights. Which tensors a model has is asked of our own export,
 * which asks for each by name and shape.
 */
import { open } from 'node:fs/promises';
import {
  divaeConfigSchema,
  type FmConfig,
  fmConfigSchema,
  VIT_PRESETS,
} from '../../shared/model/config.ts';
import { PUBLISHED_MODALITIES } from '../../shared/model/modalities.ts';
import { UNET_PRESETS } from '../../worker/export/describe/denoiserPresets.ts';
import type { Described } from '../../worker/export/describe/describe.ts';

export type { Described as DescribedModel } from '../../worker/export/describe/describe.ts';

import { buildGraphs } from '../../worker/export/graphs.ts';
import type { Weights } from '../../worker/export/weights.ts';
import type { FmSize } from './sparseFm.ts';

/** Inputs of 4M-21 in the order of its published config. */
const INPUTS_OF_21 = [
  ...['caption', 't5_caption', 'metadata', 'rgb@224', 'tok_rgb@224', 'tok_depth@224'],
  ...['tok_normal@224', 'tok_semseg@224', 'tok_clip@224', 'det', 'human_poses'],
  ...['tok_canny_edge@224', 'tok_sam_edge@224', 'tok_dinov2@224', 'tok_imagebind@224'],
  ...['tok_dinov2_global', 'tok_imagebind_global', 'color_palette', 'sam_instance'],
];
const ONLY_INPUTS = ['rgb@224', 't5_caption'];

/** What the blocks of 4M-21 have in common at every size. */
export const PUBLISHED_BLOCKS = {
  act_layer: 'SiLU',
  gated_mlp: true,
  qkv_bias: false,
  proj_bias: false,
  mlp_bias: false,
  share_modality_embeddings: false,
} as const;

/** 4M-21 as published, of a size. */
export function described21({ dim, depth, heads }: FmSize): Described & { config: FmConfig } {
  const config = fmConfigSchema.parse({
    domains_in: INPUTS_OF_21,
    domains_out: INPUTS_OF_21.filter((name) => !ONLY_INPUTS.includes(name)),
    dim,
    encoder_depth: depth,
    decoder_depth: depth,
    num_heads: heads,
    ...PUBLISHED_BLOCKS,
  });
  const modalities = Object.fromEntries(
    INPUTS_OF_21.map((name) => [name, PUBLISHED_MODALITIES[name] ?? unknown(name)]),
  );
  return { kind: 'fm', config, modalities };
}

const unknown = (name: string): never => {
  throw new Error(`${name} is not a published modality`);
};

/** The published tokenizer of RGB pictures: a transformer as encoder, a diffusion model as decoder. */
export function describedRgbTokenizer(): Described {
  const config = divaeConfigSchema.parse({
    image_size: 448,
    enc_type: 'vit_b_enc',
    dec_type: 'unet_patched',
    post_mlp: true,
    patch_size: 16,
    codebook_size: 16384,
    latent_dim: 32,
    scheduler: 'ddim',
    beta_schedule: 'linear',
    prediction_type: 'sample',
    clip_sample: true,
    zero_terminal_snr: false,
  });
  const { vit_b_enc } = VIT_PRESETS;
  const { unet_patched } = UNET_PRESETS;
  if (!vit_b_enc || !unet_patched) throw new Error('the published sizes are not there');
  return {
    kind: 'divae',
    config,
    vit_presets: { vit_b_enc },
    denoiser: { type: 'unet', ...unet_patched },
  };
}

/** Rows of position tables, the only sizes that weights alone tell. */
function positionShape(described: Described, name: string): readonly number[] {
  if (described.kind === 'fm') {
    const modality = /^[a-z]+_embeddings\.(.+)\.pos_emb$/.exec(name)?.[1] ?? '';
    const info = described.modalities[modality];
    return [1, info?.type === 'img' ? info.max_tokens : 512, described.config.dim];
  }
  if (described.kind !== 'divae' && described.kind !== 'vqvae')
    throw new Error(`no shape is known for ${name}`);
  const side = described.config.image_size / described.config.patch_size;
  return [1, 768, side, side];
}

/** Names and shapes of all tensors that the graphs read. */
export function shapesOf(described: Described): ReadonlyMap<string, readonly number[]> {
  const shapes = new Map<string, readonly number[]>();
  const at = (prefix: string): Weights => ({
    precision: 'fp32',
    form: 'plain',
    scope: (...path) => at(`${prefix}${path.join('.')}.`),
    // A projection of one layer; everything else that may be there is there.
    has: (name) => name !== '0.weight',
    shape: (name) => positionShape(described, prefix + name),
    isZero: (name) => name === 'bias',
    tensor(name, shape, as = shape) {
      shapes.set(prefix + name, shape);
      const place = { file: 'x', offset: 0, length: 0 };
      return { name: prefix + name, type: 'float32', dims: as, ...place };
    },
    encoded() {
      throw new Error('fp32 encodes nothing');
    },
    assertAllUsed: () => {},
    used: () => [],
    parameters: () => 0,
  });
  buildGraphs(described, at(''));
  return shapes;
}

/**
 * Random numbers that are written again and again. Every tensor begins at another place among them, as the
 * runtime keeps matrices that are all alike only once.
 */
const TILE_VALUES = 2 ** 21;
const STRIDE = 104_729;

/**
 * Writes the checkpoint: matrices and tables of small random numbers, norms as they are before training.
 * @returns bytes of the file
 */
export async function writeRandomCheckpoint(file: string, described: Described): Promise<number> {
  const header: Record<string, unknown> = {
    __metadata__: Object.fromEntries(
      Object.entries(described.config).map(([key, value]) => [key, asPython(value)]),
    ),
  };
  const shapes = [...shapesOf(described)];
  let position = 0;
  for (const [name, shape] of shapes) {
    const end = position + 4 * sizeOf(shape);
    header[name] = { dtype: 'F32', shape, data_offsets: [position, end] };
    position = end;
  }
  const json = Buffer.from(JSON.stringify(header));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(json.length));
  const tile = Float32Array.from(
    { length: TILE_VALUES },
    (_, i) => 0.05 * Math.sin(i * 12.9898 + (i % 977)),
  );
  const handle = await open(file, 'wx');
  try {
    await handle.write(Buffer.concat([prefix, json]));
    for (const [index, [name, shape]] of shapes.entries()) {
      const norm = new Float32Array(shape[0] ?? 0).fill(name.endsWith('.weight') ? 1 : 0);
      if (shape.length === 1) await handle.write(bytesOf(norm));
      else
        for (let rest = sizeOf(shape), from = (index * STRIDE) % TILE_VALUES; rest > 0; from = 0) {
          const piece = tile.subarray(from, from + rest);
          await handle.write(bytesOf(piece));
          rest -= piece.length;
        }
    }
    return (await handle.stat()).size;
  } finally {
    await handle.close();
  }
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

const sizeOf = (shape: readonly number[]): number =>
  shape.reduce((product, size) => product * size, 1);

/** As published checkpoints store their configs. */
function asPython(value: unknown): string {
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (Array.isArray(value)) return `[${value.map((item) => `'${item}'`).join(', ')}]`;
  return value === null ? 'None' : String(value);
}
