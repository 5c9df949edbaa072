/** What a diffusion tokenizer's checkpoint says about itself: its config and the sizes of its parts. */
import {
  type DivaeConfig,
  divaeConfigSchema,
  unetPresetSchema,
  uvitPresetSchema,
} from '../../../shared/model/config.ts';
import type { DivaeManifest } from '../../../shared/model/manifest.ts';
import type { Checkpoint } from '../../safetensors/checkpoint.ts';
import { ExportError } from '../errors.ts';
import { isMlp } from '../vqModel.ts';
import { type CheckpointExtras, parseWith, type RawConfig } from './checkpointConfig.ts';
import { UNET_PRESETS, UVIT_PRESETS } from './denoiserPresets.ts';
import { transformerSizes } from './vitSizes.ts';
import { presetEntries, vitPresets } from './vq.ts';

export type DescribedDivae = Pick<DivaeManifest, 'kind' | 'config' | 'vit_presets' | 'denoiser'>;

/** Whether a tokenizer's config is of one whose decoder is a diffusion model. */
export const isDivae = (raw: RawConfig): boolean =>
  'beta_schedule' in raw ||
  'num_train_timesteps' in raw ||
  (typeof raw.dec_type === 'string' && /^u(net|vit)_/.test(raw.dec_type));

/** @throws ExportError `config`, `unsupported`, naming the key at fault */
export async function describeDivae(
  checkpoint: Checkpoint,
  raw: RawConfig,
  extras: CheckpointExtras,
): Promise<DescribedDivae> {
  const config = parseWith(checkpoint, 'config', divaeConfigSchema, raw);
  assertSupported(checkpoint, config);
  const entries = await presetEntries(checkpoint, extras);
  const presets = await vitPresets(checkpoint, extras);
  return {
    kind: 'divae',
    config,
    vit_presets: {
      [config.enc_type]: transformerSizes(checkpoint, presets, 'enc_type', config.enc_type),
    },
    denoiser: denoiserOf(checkpoint, config, entries),
  };
}

function denoiserOf(
  checkpoint: Checkpoint,
  { dec_type: type }: DivaeConfig,
  entries: Readonly<Record<string, unknown>>,
): DivaeManifest['denoiser'] {
  const found = entries[type] ?? UNET_PRESETS[type] ?? UVIT_PRESETS[type];
  if (found === undefined)
    throw new ExportError(
      'config',
      `${checkpoint.file}: dec_type: no sizes are known for the diffusion decoder ${type}`,
    );
  if (type.startsWith('unet_'))
    return { type: 'unet', ...parseWith(checkpoint, type, unetPresetSchema, found) };
  const preset = parseWith(checkpoint, type, uvitPresetSchema, found);
  if (preset.mid_use_long_skip && preset.mid_layers % 2 === 0)
    throw new ExportError(
      'config',
      `${checkpoint.file}: ${type}.mid_layers: long skips need an odd number of layers`,
    );
  return { type: 'uvit', ...preset };
}

/** @throws ExportError `unsupported` for combinations that no published tokenizer has and that decode to nothing */
function assertSupported(checkpoint: Checkpoint, config: DivaeConfig): void {
  const refuse = (what: string) =>
    new ExportError('unsupported', `${checkpoint.file}: ${what} is not supported`);
  if (!/^u(net|vit)_/.test(config.dec_type))
    throw refuse(`the diffusion decoder ${config.dec_type}`);
  if (isMlp(config.enc_type) || config.quant_type !== 'lucid' || config.num_codebooks !== 1)
    throw refuse(
      `a diffusion decoder with encoder ${config.enc_type}, quantizer ${config.quant_type}`,
    );
  if (config.n_labels !== null) throw refuse('a diffusion decoder of class labels (n_labels)');
  // Its first step would divide by the signal that is not there.
  if (
    config.prediction_type === 'epsilon' &&
    config.scheduler !== 'ddpm' &&
    (config.zero_terminal_snr || config.beta_schedule.startsWith('shifted_cosine'))
  )
    throw refuse('prediction_type epsilon with a noise schedule that ends without signal');
}
