/** Generated ids -> what a caller gets: tokens, and the picture, text or value they mean. */
import type { Output } from '../../shared/api/generate.ts';
import type { DecodedValues } from '../image/postprocess.ts';
import { present } from '../image/postprocess.ts';
import { mergeTexts, presentText, type SequenceValue } from './sequenceOutputs.ts';
import type { ServedModel } from './servedModel.ts';
import { type DecodeOptions, decodeMany, type SampleIds } from './tokenizers.ts';

/** Text of a sequence's ids up to its end. */
function textOf(ids: readonly number[], { text }: ServedModel) {
  const end = ids.indexOf(text.specials.eos);
  return { text: text.decode(end < 0 ? ids : ids.slice(0, end)), isComplete: end >= 0 };
}

async function presentSequence(
  ids: readonly number[],
  modality: string,
  model: ServedModel,
): Promise<SequenceValue & { readonly text: string }> {
  const { text, isComplete } = textOf(ids, model);
  const { warnings = [], ...value } = await presentText(text, modality, model);
  const all = isComplete ? warnings : [...warnings, 'the text was cut at its longest length'];
  return { text, ...value, ...(all.length > 0 && { warnings: all }) };
}

async function presentValues(
  values: DecodedValues | undefined,
  modality: string,
  model: ServedModel,
): Promise<Partial<Output>> {
  const info = model.loaded.fm.modalities[modality]!;
  if (values) return await present(values, info);
  return { warnings: [`no tokenizer is loaded that decodes ${modality}`] };
}

/**
 * Outputs of one target for several samples, decoded together. Malformed text is returned with warnings,
 * never an error.
 * @param modality the model's own name
 * @returns in the order given
 */
export async function makeOutputs(
  modality: string,
  samples: readonly SampleIds[],
  model: ServedModel,
  options: Omit<DecodeOptions, 'sample'>,
): Promise<Output[]> {
  const info = model.loaded.fm.modalities[modality]!;
  const isSequence = info.type === 'seq';
  const values = isSequence
    ? undefined
    : await decodeMany(samples, modality, model.loaded, options);
  const outputs: Output[] = [];
  for (const [index, { sample, ids }] of samples.entries()) {
    options.signal?.throwIfAborted();
    outputs.push({
      modality,
      presentation: info.presentation,
      sample,
      tokens: [...ids],
      ...(isSequence
        ? await presentSequence(ids, modality, model)
        : await presentValues(values?.[index], modality, model)),
    });
  }
  return outputs;
}

/** As `makeOutputs`, for one target of one sample. */
export async function makeOutput(
  modality: string,
  tokens: readonly number[],
  model: ServedModel,
  { sample, ...options }: DecodeOptions,
): Promise<Output> {
  const [output] = await makeOutputs(modality, [{ ids: tokens, sample }], model, options);
  return output!;
}

/**
 * The SAM instances of several samples as one dense set: doubles averaged, what covers the same pixels
 * suppressed (NMS). `value` is `{ instances }`, each as in a single output with its `votes`, the number of
 * found instances that it stands for; `image` shows them all.
 * @param modality the model's own name; of any other presentation than instances there is nothing to merge
 * @param samples ids of each sample
 * @returns undefined when there is nothing to merge or the mask tokenizer is not loaded
 */
export async function mergeInstanceSamples(
  modality: string,
  samples: readonly (readonly number[])[],
  model: ServedModel,
): Promise<SequenceValue | undefined> {
  if (model.loaded.fm.modalities[modality]?.presentation !== 'instances') return undefined;
  const texts = samples.map((ids) => textOf(ids, model).text);
  return await mergeTexts(texts, modality, model);
}
