/** What a tokenizer's checkpoint says about itself: its config and the sizes of its transformers. */
import { z } from 'zod';
import { type VitPreset, vitPresetSchema, vqConfigSchema } from '../../../shared/model/config.ts';
import type { VqManifest } from '../../../shared/model/manifest.ts';
import type { Checkpoint } from '../../safetensors/checkpoint.ts';
import { assertSupported, isMlp, presetOf } from '../vqModel.ts';
import {
  type CheckpointExtras,
  jsonBeside,
  jsonKey,
  parseWith,
  type RawConfig,
} from './checkpointConfig.ts';

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
  assertSupported(config);
  const presets = await vitPresets(checkpoint, extras);
  const types = [config.enc_type, config.dec_type].filter((type) => !isMlp(type));
  return {
    kind: 'vqvae',
    config,
    vit_presets: Object.fromEntries(types.map((type) => [type, presetOf(presets, type)])),
  };
}

/**
 * Sizes of transformers that are not among the published presets: from the metadata, from `presets.json`
 * beside the file, from the caller.
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
  ...jsonKey(checkpoint, 'vit_presets'),
  ...extras.vitPresets,
});
