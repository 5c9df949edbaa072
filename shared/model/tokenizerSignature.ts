/** Signatures of the graphs of tokenizers. */
import type { DivaeConfig, QuantizingConfig, VqConfig } from './config.ts';
import { type Dimension, float, type GraphSignature, int64 } from './tensorSignature.ts';

const isMlp = (type: string): boolean => type.includes('MLP/');

/** Of a tokenizer's `ids`; several codebooks side by side give several ids a place. */
const idDimensions = (type: string, { num_codebooks: books }: QuantizingConfig): Dimension[] => {
  if (isMlp(type)) return ['B', books];
  return books === 1 ? ['B', 'h', 'w'] : ['B', books, 'h', 'w'];
};

/**
 * Tokenizer encoder: `pixels` (B, C, H, W), or `labels` (B, H, W) class ids, or `vector` (B, C) for
 * MLP tokenizers. Output `ids` (B, h, w), or (B, codebooks, h, w) where there are several, or
 * (B, codebooks) for MLP tokenizers.
 */
export function vqEncoderSignature(config: QuantizingConfig): GraphSignature {
  const outputs = [int64('ids', ...idDimensions(config.enc_type, config))];
  if (isMlp(config.enc_type)) return { inputs: [float('vector', 'B', config.n_channels)], outputs };
  const input = config.n_labels
    ? int64('labels', 'B', 'H', 'W')
    : float('pixels', 'B', config.n_channels, 'H', 'W');
  return { inputs: [input], outputs };
}

/** VQ tokenizer decoder: `ids` as above -> `values` (B, C, H, W), class logits for labels, or (B, C). */
export function vqDecoderSignature(config: VqConfig): GraphSignature {
  const channels = config.n_labels ?? config.n_channels;
  const values = isMlp(config.dec_type)
    ? float('values', 'B', channels)
    : float('values', 'B', channels, 'H', 'W');
  return { inputs: [int64('ids', ...idDimensions(config.dec_type, config))], outputs: [values] };
}

/** Codes of a diffusion tokenizer: `ids` (B, h, w) -> `codes` (B, latent, h, w). */
export const codebookSignature = (config: DivaeConfig): GraphSignature => ({
  inputs: [int64('ids', 'B', 'h', 'w')],
  outputs: [float('codes', 'B', config.latent_dim, 'h', 'w')],
});

/**
 * One step of a diffusion decoder: `sample` (B, C, H, W) at integer `timestep` (B), told the `codes`
 * (B, latent, h, w) -> `prediction` (B, C, H, W), of the config's `prediction_type`.
 */
export const denoiserSignature = (config: DivaeConfig): GraphSignature => ({
  inputs: [
    float('sample', 'B', config.n_channels, 'H', 'W'),
    int64('timestep', 'B'),
    float('codes', 'B', config.latent_dim, 'h', 'w'),
  ],
  outputs: [float('prediction', 'B', config.n_channels, 'H', 'W')],
});
