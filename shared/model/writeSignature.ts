/** The signature of the graph that writes sequences where that is not done by `generate`. */
import { fieldOf } from '../lookup.ts';
import type { FmConfig } from './config.ts';
import { cacheNames, cacheType, targetName } from './graphNames.ts';
import type { Manifest } from './manifest.ts';
import type { ModalityInfo } from './modalities.ts';
import { predictionInputs } from './predictionSignature.ts';
import { bool, type GraphSignature, int64, type TensorSignature } from './tensorSignature.ts';

/** The targets that are written token by token, in the order of `domains_out`. */
export const sequencesOf = (
  { domains_out }: Pick<FmConfig, 'domains_out'>,
  modalities: Readonly<Record<string, ModalityInfo>>,
): readonly string[] =>
  domains_out.filter((name) => fieldOf(modalities, name, 'modalities').type === 'seq');

/**
 * The next tokens of sequences, a row each, as `generate` writes them from contexts whose keys and values are kept: its
 * inputs of the same names, without those of an encoder and of pictures. `head_counts` are of the sequences alone.
 * `next.L.key` and `.value` (g, H, steps, hd) are of the tokens that were read.
 */
export function writeSignature(
  config: FmConfig,
  modalities: Readonly<Record<string, ModalityInfo>>,
  precision: Manifest['precision'],
): GraphSignature {
  const { dim, num_heads: heads, decoder_depth } = config;
  const sequences = sequencesOf(config, modalities);
  const caches = (side: Parameters<typeof cacheNames>[0], length: string): TensorSignature[] =>
    cacheNames(side, decoder_depth)
      .flatMap(({ key, value }) => [key, value])
      .map((name) => ({
        name,
        type: cacheType(precision),
        dims: ['g', heads, length, dim / heads],
      }));
  return {
    inputs: [
      ...sequences.map((name) =>
        int64(targetName(name, fieldOf(modalities, name, 'modalities')), 1),
      ),
      int64('ids', 'g', 1),
      int64('start', 'g'),
      bool('context_hidden', 'g', 1, 'w'),
      bool('past_hidden', 'g', 'l'),
      ...caches('cache', 'l'),
      ...caches('context_cache', 'e'),
      ...predictionInputs(sequences.length),
    ],
    outputs: [int64('generated', 'j', 'P'), ...caches('next', 'l_written')],
  };
}
