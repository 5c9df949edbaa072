/** Multiplications and additions of what is measured, in 1e9, from sizes alone. */
import type { FmConfig } from '../../../shared/model/config.ts';
import { hiddenSize } from '../../../worker/export/blocks/mlp.ts';

type Sizes = Pick<FmConfig, 'dim' | 'mlp_ratio' | 'gated_mlp' | 'encoder_depth' | 'decoder_depth'>;

const mlpProducts = ({ dim, mlp_ratio, gated_mlp }: Sizes): number =>
  (gated_mlp ? 3 : 2) * dim * hiddenSize(dim, mlp_ratio, gated_mlp);

/** A pass of the encoder over so many tokens: its products, and scores and sums of attention. */
export function encoderFlops(config: Sizes, tokens: number): number {
  const { dim, encoder_depth } = config;
  const products = tokens * (4 * dim * dim + mlpProducts(config));
  return (2 * encoder_depth * (products + 2 * tokens * tokens * dim)) / 1e9;
}

/** A pass of the decoder: targets that see each other and a context, whose keys and values it makes, and a head. */
export function decoderFlops(
  config: Sizes,
  { context, targets, vocabulary }: { context: number; targets: number; vocabulary: number },
): number {
  const { dim, decoder_depth } = config;
  const own = targets * (6 * dim * dim + mlpProducts(config));
  const seen = context * 2 * dim * dim;
  const attention = 2 * targets * (targets + context) * dim;
  const outside = context * dim * dim + targets * dim * vocabulary;
  return (2 * (decoder_depth * (own + seen + attention) + outside)) / 1e9;
}

/** ViT-B/14 at 224 pixels: 256 patches of 588 numbers, 12 blocks of width 768. */
export const VIT: Sizes = {
  dim: 768,
  mlp_ratio: 4,
  gated_mlp: false,
  encoder_depth: 12,
  decoder_depth: 0,
};
export const VIT_TOKENS = 256;
export const vitFlops = (): number =>
  encoderFlops(VIT, VIT_TOKENS) + (2 * VIT_TOKENS * 588 * VIT.dim) / 1e9;
