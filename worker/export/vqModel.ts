/** What the encoder and decoder graphs of a VQ tokenizer both need to know about it. */
import { VIT_PRESETS, type VitPreset, type VqConfig } from '../../shared/model/config.ts';
import { ExportError } from './errors.ts';

export interface VqModel {
  readonly config: VqConfig;
  /** Sizes behind the config's `enc_type` and `dec_type`. */
  readonly presets: Readonly<Record<string, VitPreset>>;
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

/** @throws ExportError `unsupported` for combinations that no published tokenizer has */
export function assertSupported(config: VqConfig): void {
  const refuse = (what: string) => new ExportError('unsupported', `${what} is not supported`);
  if (config.undo_std) throw refuse('undo_std');
  if (isMlp(config.enc_type) !== isMlp(config.dec_type))
    throw refuse(`encoder ${config.enc_type} with decoder ${config.dec_type}`);
  if (isMlp(config.enc_type) !== (config.quant_type === 'memcodes'))
    throw refuse(`quantizer ${config.quant_type} with encoder ${config.enc_type}`);
  if (config.quant_type === 'lucid' && config.num_codebooks !== 1)
    throw refuse(`quantizer lucid with ${config.num_codebooks} codebooks`);
}
