/** What the encoder and decoder graphs of a VQ tokenizer both need to know about it. */
import {
  type QuantizingConfig,
  VIT_PRESETS,
  type VitPreset,
  type VqConfig,
} from '../../shared/model/config.ts';
import { ExportError } from './errors.ts';

/** Encoder and quantizer, which VQ-VAE and diffusion tokenizers share. */
export interface QuantizingModel {
  readonly config: QuantizingConfig;
  /** Sizes behind the config's `enc_type` and `dec_type`. */
  readonly presets: Readonly<Record<string, VitPreset>>;
}

export interface VqModel extends QuantizingModel {
  readonly config: VqConfig;
}

/** State of training that a checkpoint holds and inference never reads. */
export const UNUSED_VQ_TENSORS: readonly string[] = ['cluster_size', 'initted', 'embed_avg'].map(
  (name) => `quantize._codebook.${name}`,
);

/** @throws ExportError `config` where neither the checkpoint nor the published presets know the type */
export function presetOf(presets: VqModel['presets'], type: string): VitPreset {
  const preset = presets[type] ?? VIT_PRESETS[type];
  if (!preset) throw new ExportError('config', `no sizes are known for the transformer ${type}`);
  return preset;
}

export const isMlp = (type: string): boolean => type.includes('MLP/');
