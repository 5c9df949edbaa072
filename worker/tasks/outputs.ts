/** Generated ids -> what a caller gets: tokens, and the picture, text or value they mean. */
import type { Output } from '../../shared/api/generate.ts';
import { present } from '../image/postprocess.ts';
import { parseText } from '../text/sequences.ts';
import type { ServedModel } from './servedModel.ts';
import { type DecodeOptions, decodeTokens } from './tokenizers.ts';

/** The output of one target of one sample. Malformed text is returned with warnings, never an error. */
export async function makeOutput(
  modality: string,
  tokens: readonly number[],
  model: ServedModel,
  options: DecodeOptions,
): Promise<Output> {
  const info = model.loaded.fm.modalities[modality]!;
  const base = {
    modality,
    presentation: info.presentation,
    sample: options.sample,
    tokens: [...tokens],
  };
  if (info.type === 'seq') {
    const end = tokens.indexOf(model.text.specials.eos);
    const text = model.text.decode(end < 0 ? tokens : tokens.slice(0, end));
    const { value, warnings } = parseText(text, info);
    const all = end < 0 ? [...warnings, 'the text was cut at its longest length'] : warnings;
    return {
      ...base,
      text,
      ...(value !== undefined && { value }),
      ...(all.length > 0 && { warnings: [...all] }),
    };
  }
  const values = await decodeTokens(tokens, modality, model.loaded, options);
  if (!values) {
    return { ...base, warnings: [`no tokenizer is loaded that decodes ${modality}`] };
  }
  return { ...base, ...(await present(values, info)) };
}
