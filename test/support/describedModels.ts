/** Descriptions of published models, as a worker makes them. */
import type { Model } from '../../shared/api/models.ts';
import { fmConfigSchema } from '../../shared/model/config.ts';
import { PUBLISHED_MODALITIES, resolveModalities } from '../../shared/model/modalities.ts';
import type { LoadedModelSet } from '../../worker/session/types.ts';
import { describeModel } from '../../worker/tasks/servedModel.ts';

/** A model's description as a worker makes it, with a tokenizer for every modality that needs one. */
function described(id: string, inputs: readonly string[], outputs: readonly string[]): Model {
  const names = [...new Set([...inputs, ...outputs])];
  const modalities = resolveModalities(names);
  const stems = Object.values(modalities).flatMap(({ tokenizer }) => tokenizer ?? []);
  const loaded = {
    set: { id, digest: id, licence: '' },
    fm: {
      precision: 'fp32',
      parameters: 1_000_000,
      modalities,
      config: fmConfigSchema.parse({
        domains_in: inputs,
        domains_out: outputs,
        dim: 8,
        encoder_depth: 1,
        decoder_depth: 1,
        num_heads: 1,
        act_layer: 'SiLU',
      }),
    },
    tokenizers: Object.fromEntries(
      stems.map((stem) => [stem, { manifest: { parameters: 0, config: { n_channels: 3 } } }]),
    ),
  };
  return describeModel(loaded as unknown as LoadedModelSet);
}

const at224 = Object.keys(PUBLISHED_MODALITIES).filter(
  (name) => !name.endsWith('@448') && name !== 't5_caption',
);
const predicted = at224.filter((name) => name !== 'rgb@224');
/** 4M-21. */
export const base = described('base', [...at224, 't5_caption'], predicted);
const large = ['rgb', 'depth', 'normal', 'semseg', 'clip'].map((name) => `tok_${name}@448`);
const small = ['rgb', 'depth', 'normal', 'semseg', 'clip'].map((name) => `tok_${name}@224`);
/** 4M-7-SR, but for its pixels. */
export const enlarging = described('sr', ['caption', 'det', ...small, ...large], large);
