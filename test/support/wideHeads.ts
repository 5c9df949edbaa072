/** A small model with heads of 64 numbers, as published models have them, and with random weights. */
import { fmConfigSchema } from '../../shared/model/config.ts';
import { resolveModalities } from '../../shared/model/modalities.ts';
import {
  type DescribedModel,
  PUBLISHED_BLOCKS,
  writeRandomCheckpoint,
} from './randomCheckpoint.ts';

const MODALITIES = {
  caption: { type: 'seq', vocab_size: 320, max_tokens: 256 },
  'rgb@64': { type: 'img', max_tokens: 64, pixels: true, input_size: 64, patch_size: 8 },
  'tok_depth@64': { type: 'img', max_tokens: 64, vocab_size: 40, input_size: 64, patch_size: 8 },
} as const;

/** Writes its checkpoint. */
export async function writeWideHeads(file: string): Promise<void> {
  const names = Object.keys(MODALITIES);
  const config = fmConfigSchema.parse({
    domains_in: names,
    domains_out: ['caption', 'tok_depth@64'],
    image_size: 64,
    patch_size: 8,
    dim: 128,
    num_heads: 2,
    encoder_depth: 1,
    decoder_depth: 2,
    ...PUBLISHED_BLOCKS,
  });
  const told = { ...config, modality_info: JSON.stringify(MODALITIES) };
  const modalities = resolveModalities(names, MODALITIES);
  const described: DescribedModel = { kind: 'fm', config: told, modalities };
  await writeRandomCheckpoint(file, described);
}
