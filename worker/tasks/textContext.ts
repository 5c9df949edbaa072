/** What texts are written and read with: the model's modality, and the tokenizer of the ids within. */
import { fieldOf } from '../../shared/lookup.ts';
import type { TextContext } from '../presentations/presentation.ts';
import { inThread } from '../threads/inThread.ts';
import { PICTURE } from '../values/instances.ts';
import { decodeMany } from './decodeTokens.ts';
import { encodeMask, encodeVector } from './encodeValues.ts';
import { laneOf } from './reading.ts';
import type { InputModel } from './servedModel.ts';
import { tokenizerOf } from './tokenizerOf.ts';

/** Ids within texts are of tokenizers that start from no noise. */
const SEED = 0;

export function textContext(
  modality: string,
  { loaded }: InputModel,
  signal?: AbortSignal,
): TextContext {
  const options = { seed: SEED, ...(signal && { signal }) };
  return {
    modality,
    info: fieldOf(loaded.fm.modalities, modality, 'the model'),
    codec: {
      size: tokenizerOf(modality, loaded)?.manifest.config.codebook_size ?? 0,
      encodeVector: (values, at) => encodeVector(values, modality, loaded, at),
      encodeMask: (mask, side, at) => encodeMask(mask, side, modality, loaded, at),
      decode: (lists) => {
        const samples = lists.map((ids, sample) => ({ sample, ids }));
        return decodeMany(samples, modality, loaded, options);
      },
    },
    draw: (args) => {
      const masks = args.samples.reduce((sum, { length }) => sum + length, 0);
      const lane = laneOf(masks * PICTURE ** 2);
      return inThread('drawInstances', args, { signal, lane });
    },
  };
}
