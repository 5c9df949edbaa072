/** What a tokenizer's checkpoint says about itself: its config and the sizes of its transformers. */
import * as z from 'zod';
import {
  type VitPreset,
  type VqConfig,
  vitPresetSchema,
  vqConfigSchema,
} from '../../../shared/model/config.ts';
import type { VqManifest } from '../../../shared/model/manifest.ts';
import type { Checkpoint } from '../../safetensors/checkpoint.ts';
import { parseMlp } from '../blocks/vectorMlp.ts';
import { ExportError } from '../errors.ts';
import { isMlp } from '../vqModel.ts';
import {
  type CheckpointExtras,
  jsonBeside,
  namedEntries,
  parseWith,
  type RawConfig,
} from './checkpointConfig.ts';
import { transformerSizes } from './vitSizes.ts';

export type DescribedVq = Pick<VqManifest, 'kind' | 'config' | 'vit_presets'>;

/** @throws ExportError `config`, `unsupported`, naming the key at fault */
export async function describeVq(
  checkpoint: Checkpoint,
  raw: RawConfig,
  extras: CheckpointExtras,
): Promise<DescribedVq> {
  // The file's codes decide: a published config says 8 codebooks where the weights hold 16.
  const codes = checkpoint.tensors.get('quantize.codes')?.shape;
  const config = parseWith(checkpoint, 'config', vqConfigSchema, {
    ...raw,
    ...(codes && { num_codebooks: codes[0], codebook_size: codes[1] }),
  });
  assertSupported(checkpoint, config);
  const presets = await vitPresets(checkpoint, extras);
  const sizes: Record<string, VitPreset> = {};
  for (const key of ['enc_type', 'dec_type'] as const) {
    const type = config[key];
    if (!isMlp(type)) sizes[type] = transformerSizes(checkpoint, presets, key, type);
  }
  return { kind: 'vqvae', config, vit_presets: sizes };
}

/** @throws ExportError `unsupported` for what the public code cannot do or no published tokenizer is */
function assertSupported(checkpoint: Checkpoint, config: VqConfig): void {
  const { enc_type, dec_type, quant_type, num_codebooks, latent_dim, n_labels } = config;
  const refuse = (what: string) =>
    new ExportError('unsupported', `${checkpoint.file}: ${what} is not supported`);
  for (const key of ['enc_type', 'dec_type'] as const) {
    if (isMlp(config[key])) parseMlp(`${checkpoint.file}: ${key}`, config[key]);
    else if (!config[key].includes('vit')) throw refuse(`${key} ${config[key]}`);
  }
  if (isMlp(enc_type) !== isMlp(dec_type))
    throw refuse(`enc_type ${enc_type} with dec_type ${dec_type}`);
  if (isMlp(enc_type) && n_labels !== null)
    throw refuse(`n_labels ${n_labels} with enc_type ${enc_type}`);
  if (quant_type === 'memcodes' && latent_dim % num_codebooks !== 0)
    throw refuse(`latent_dim ${latent_dim} in num_codebooks ${num_codebooks} parts`);
}

/**
 * Sizes of transformers that are not among the published presets: from `presets.json` and
 * `config.json` beside the file, from the metadata, from the caller.
 */
export async function vitPresets(
  checkpoint: Checkpoint,
  extras: CheckpointExtras,
): Promise<Record<string, VitPreset>> {
  const all = await presetEntries(checkpoint, extras);
  const transformers = Object.entries(all).filter(([name]) => name.startsWith('vit_'));
  return parseWith(
    checkpoint,
    'vit_presets',
    z.record(z.string(), vitPresetSchema),
    Object.fromEntries(transformers),
  );
}

/** Presets of transformers and diffusion decoders, unparsed, by name. */
export const presetEntries = async (
  checkpoint: Checkpoint,
  extras: CheckpointExtras,
): Promise<Record<string, unknown>> => ({
  ...(await jsonBeside(checkpoint, 'presets.json')),
  ...(await namedEntries(checkpoint, 'vit_presets')),
  ...extras.vitPresets,
});
