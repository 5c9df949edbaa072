/**
 * Graph signatures: the one statement of what goes into and comes out of each exported graph. The exporter
 * declares graphs by it, the registry checks loaded graphs against it, the engine feeds by it.
 */
import { fieldOf } from '../lookup.ts';
import type { FmConfig, FmVitConfig } from './config.ts';
import {
  cacheNames,
  cacheType,
  contentInput,
  idsName,
  logitsName,
  positionsName,
  targetName,
  vocabularyOf,
} from './graphNames.ts';
import type { Manifest } from './manifest.ts';
import type { ModalityInfo } from './modalities.ts';
import { predictionInputs } from './predictionSignature.ts';
import {
  bool,
  type Dimension,
  float,
  type GraphSignature,
  int64,
  type TensorSignature,
} from './tensorSignature.ts';
import {
  codebookSignature,
  denoiserSignature,
  vqDecoderSignature,
  vqEncoderSignature,
} from './tokenizerSignature.ts';
import { writeSignature } from './writeSignature.ts';

export type {
  Dimension,
  GraphSignature,
  TensorSignature,
  TensorType,
} from './tensorSignature.ts';

type Modalities = Readonly<Record<string, ModalityInfo>>;

/** Tokens of a context or of features: register tokens, where a model has them, come before the others. */
const contextTokens = (config: { readonly num_register_tokens: number }): Dimension =>
  config.num_register_tokens > 0 ? 'R+N' : 'N';

const encoderInputs = (
  domains: readonly string[],
  modalities: Modalities,
): readonly TensorSignature[] => [
  ...domains.flatMap((name) => {
    const n = `N_${name}`;
    const content = contentInput(name, fieldOf(modalities, name, 'modalities'));
    const tensor =
      content.kind === 'ids'
        ? int64(content.name, 'B', n)
        : float(content.name, 'B', n, content.width);
    return [tensor, int64(positionsName(name), 'B', n)];
  }),
  bool('mask', 'B', 'N'),
];

/**
 * FM encoder. Every input modality has its own inputs, of length 0 when it is absent:
 * `M.ids` and `M.positions` (B, n), or `M.patches` (B, n, 3*P*P) with (row, column, channel) order for
 * pixels, or `M.embeddings` (B, n, embedding_size). Tokens are concatenated in `domains_in` order to (B, N);
 * `mask` (B, N) is true where a token is padding (its content and embedding count as zero).
 * `positions` index the grid for images and count valid tokens for sequences.
 * `context` = decoder_proj_context(features) + position and modality embedding; `features` = encoder_norm output.
 * Register tokens, where a model has them, lead both.
 */
export function encoderSignature(config: FmConfig, modalities: Modalities): GraphSignature {
  const tokens = contextTokens(config);
  return {
    inputs: encoderInputs(config.domains_in, modalities),
    outputs: [
      float('context', 'B', tokens, config.dim),
      float('features', 'B', tokens, config.dim),
    ],
  };
}

/**
 * FM decoder. As the encoder, every target modality has its own inputs, empty unless it is being decoded
 * (several may be in one run: targets of different modalities do not see each other): `M.positions` (B, m),
 * and `M.ids` (B, m) for sequences (image targets start from the mask token). `mask` is the encoder's.
 * With `causal` true, position i sees targets j <= i. Each target has an output `M.logits` (B, m, V),
 * empty for the ones not asked for.
 */
export function decoderSignature(config: FmConfig, modalities: Modalities): GraphSignature {
  const inputs = config.domains_out.flatMap((name) => {
    const positions = int64(positionsName(name), 'B', `M_${name}`);
    return fieldOf(modalities, name, 'modalities').type === 'seq'
      ? [int64(idsName(name), 'B', `M_${name}`), positions]
      : [positions];
  });
  return {
    inputs: [
      ...inputs,
      float('context', 'B', contextTokens(config), config.dim),
      bool('mask', 'B', 'N'),
      bool('causal'),
    ],
    outputs: config.domains_out.map((name) =>
      float(logitsName(name), 'B', `M_${name}`, vocabularyOf(name, modalities)),
    ),
  };
}

/**
 * FM generation in one run: encoder, decoder, guidance and sampling; for sequences one token after the
 * other, with the keys and values of earlier ones kept. Several states and requests share a run without
 * padding, as all their tokens lie in one row: what belongs together is told by number.
 *
 * Encoder, as `encoderSignature` with B = 1 and without a mask. Register tokens are given as
 * `registers.ids` (1, r), those of every state, and come first. `order` (N) brings the concatenated inputs
 * into the order in which they are encoded, and `segments` (S, n) says which state each is of then; tokens
 * of different states do not see each other. They are looked at in the rows of `segments`: one a state where
 * all have the same number of tokens, otherwise a single one. `kept_context` (K, D) of earlier runs follows.
 *
 * Decoder: picture targets (`target.M.positions` (B, m_M), in one row), or sequences of one modality, a row
 * each and one token at a time: `target.M.selected` 1 and `ids` (g, 1) the last token of each, `start` (g)
 * its place; rows of different lengths share a run. `target_order` (T) brings the concatenated targets into the order in which they are decoded, as B
 * rows of m. `context_index` (B, n) are the rows of the context that a decoder row may see (the number of
 * rows stands for nothing), `context_hidden` (B, m, w) where a target must not; one that sees none reads
 * zeros. Among themselves the same targets are looked at as u rows of v: `target_hidden` (u, v, v).
 * `cache.L.key` and `.value` (u, H, l, hd) are of the tokens before (halves in fp16); `past_hidden` (u, l) is
 * true for those that a row does not have. They may lie anywhere, as positions are in the tokens themselves.
 *
 * Keys and values of the context depend on nothing that is decoded: `context_next.L.key` and `.value`
 * (B, H, n, hd) give them, and a later run of the same rows takes them as `context_cache.L.*`
 * (B, H, e, hd), with `context_index` (B, 0). A run computes all of them or none (e = 0).
 *
 * Guidance: prediction p is the weighted sum of decoder outputs, `combine_index` and `combine_weight`
 * (P, c), counted over (B*m) and then over `kept_states` (k, D). Predictions lie by modality in the order
 * of `domains_out`, `head_counts` (T) of each; `vocabulary` (0, V) is empty and
 * as wide as the largest among them: sizes of inputs are known beside the device, their values are not.
 *
 * Sampling, per prediction: `temperature` (0 takes the most likely), `top_k` (0 is off) of which
 * `top_k_most` (1) is the largest, `top_p` (0 is off), and `draws` (i, P) uniform numbers in [0, 1), a row
 * for each of the `iterations`. `group` (g): which prediction continues a decoder row; `stops` (P, s) ids
 * that end it; the loop ends when all have. Ids after a prediction's own end mean nothing.
 *
 * `generated` ids, `confidence` (probability after filters and temperature) and `likelihood` (of the model itself)
 * are (i, P); `features` (N, D) the encoder's outputs of the new rows and `context` (N, D) what the decoder sees of
 * them; `states` (B*m, D) the decoder's outputs of the last iteration.
 */
export function generateSignature(
  config: FmConfig,
  modalities: Modalities,
  precision: Manifest['precision'] = 'fp32',
): GraphSignature {
  const { dim, num_heads: heads, decoder_depth } = config;
  const type = cacheType(precision);
  const caches = (
    side: Parameters<typeof cacheNames>[0],
    rows: string,
    length: string,
  ): TensorSignature[] =>
    cacheNames(side, decoder_depth)
      .flatMap(({ key, value }) => [key, value])
      .map((name) => ({ name, type, dims: [rows, heads, length, dim / heads] }));
  const inputs = encoderInputs(config.domains_in, modalities);
  const encoder = inputs.filter(({ name }) => name !== 'mask');
  const registers = config.num_register_tokens > 0 ? [int64('registers.ids', 1, 'r')] : [];
  return {
    inputs: [
      ...encoder.map((input) => ({ ...input, dims: [1, ...input.dims.slice(1)] })),
      ...registers,
      int64('order', 'N'),
      int64('segments', 'S', 'n_state'),
      float('kept_context', 'K', dim),
      ...config.domains_out.map((name) => {
        const info = fieldOf(modalities, name, 'modalities');
        const target = targetName(name, info);
        return info.type === 'seq' ? int64(target, 1) : int64(target, 'b', `M_${name}`);
      }),
      int64('ids', 'g', 'sequence'),
      int64('start', 'g'),
      int64('target_order', 'T'),
      int64('context_index', 'B', 'n'),
      bool('context_hidden', 'B', 'm', 'w'),
      bool('target_hidden', 'u', 'v', 'v'),
      bool('past_hidden', 'u', 'l'),
      ...caches('cache', 'u', 'l'),
      ...caches('context_cache', 'B', 'e'),
      float('kept_states', 'k', dim),
      ...predictionInputs(config.domains_out.length),
    ],
    outputs: [
      float('context', 'N', dim),
      float('features', 'N', dim),
      int64('generated', 'j', 'P'),
      float('confidence', 'j', 'P'),
      float('likelihood', 'j', 'P'),
      float('states', 'q', dim),
      ...caches('next', 'u', 'l_written'),
      ...caches('context_next', 'B', 'n'),
    ],
  };
}

/**
 * A backbone: inputs as an FM encoder's. `features` (B, N, D) as an FM encoder's, `pooled` (B, D) their mean
 * over the tokens that are neither padding nor registers, and `logits` (B, classes) where there is a head.
 */
export function fmVitSignature(config: FmVitConfig, modalities: Modalities): GraphSignature {
  const { dim, classes } = config;
  return {
    inputs: encoderInputs(config.domains_in, modalities),
    outputs: [
      float('features', 'B', contextTokens(config), dim),
      float('pooled', 'B', dim),
      ...(classes === null ? [] : [float('logits', 'B', classes)]),
    ],
  };
}

/** The signatures of an exported model's graphs, by the graphs' names. */
export function signaturesOf(manifest: Manifest): Readonly<Record<string, GraphSignature>> {
  switch (manifest.kind) {
    case 'fm':
      return {
        encoder: encoderSignature(manifest.config, manifest.modalities),
        decoder: decoderSignature(manifest.config, manifest.modalities),
        generate: generateSignature(manifest.config, manifest.modalities, manifest.precision),
        ...(manifest.graphs.write && {
          write: writeSignature(manifest.config, manifest.modalities, manifest.precision),
        }),
      };
    case 'fmvit':
      return { encoder: fmVitSignature(manifest.config, manifest.modalities) };
    case 'vqvae':
      return {
        encoder: vqEncoderSignature(manifest.config),
        decoder: vqDecoderSignature(manifest.config),
      };
    case 'divae':
      return {
        encoder: vqEncoderSignature(manifest.config),
        codebook: codebookSignature(manifest.config),
        denoiser: denoiserSignature(manifest.config),
      };
  }
}
