/** Generated ids -> what a caller gets: tokens, and the picture, text or value they mean. */
import type { Output } from '../../shared/api/generate.ts';
import { fieldOf, itemAt } from '../../shared/lookup.ts';
import { isTextual } from '../../shared/model/presentations.ts';
import { marked, type Origin } from '../image/marked.ts';
import type { DecodedValues, SequenceValue } from '../presentations/presentation.ts';
import { textPresentation } from '../presentations/texts.ts';
import { inThread } from '../threads/inThread.ts';
import { type DecodeOptions, decodeMany, type SampleIds } from './decodeTokens.ts';
import { laneOf } from './reading.ts';
import type { ServedModel } from './servedModel.ts';
import { textContext } from './textContext.ts';

/**
 * Text of a sequence's ids. What was given around a gap stays in it, also behind an end that was generated
 * within the gap, and a word of it that the vocabulary lacks.
 */
function textOf(ids: readonly number[], { text }: ServedModel, unknown?: readonly string[]) {
  return { text: text.decode(ids, unknown), isComplete: ids.includes(text.specials.eos) };
}

export interface OutputOptions extends Omit<DecodeOptions, 'sample'> {
  /** Words of the given part of a text that the vocabulary lacks, in their order. */
  readonly unknownWords?: readonly string[];
  /** Where the outputs come from, which their pictures say. */
  readonly origin?: Origin | undefined;
}

async function presentSequence(
  ids: readonly number[],
  modality: string,
  model: ServedModel,
  { signal, unknownWords }: OutputOptions,
): Promise<SequenceValue & { readonly text: string }> {
  const { presentation } = fieldOf(model.loaded.fm.modalities, modality, 'the model');
  const { text, isComplete } = textOf(ids, model, unknownWords);
  const context = textContext(modality, model, signal);
  const { warnings = [], ...value } = await textPresentation(presentation).show(text, context);
  const all = isComplete ? warnings : [...warnings, 'the text was cut at its longest length'];
  return { text, ...value, ...(all.length > 0 && { warnings: all }) };
}

async function presentValues(
  values: DecodedValues | undefined,
  modality: string,
  model: ServedModel,
  signal: AbortSignal | undefined,
): Promise<Partial<Output>> {
  const info = fieldOf(model.loaded.fm.modalities, modality, 'the model');
  if (!values) return { warnings: [`no tokenizer is loaded that decodes ${modality}`] };
  const { width, height, channels } = values;
  // Principal components take a product of all pairs of places.
  const work =
    width * height * Math.max(channels, info.presentation === 'features' ? width * height : 1);
  return await inThread('showValues', { values, info }, { signal, lane: laneOf(work) });
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
  options: OutputOptions,
): Promise<Output[]> {
  const info = fieldOf(model.loaded.fm.modalities, modality, 'the model');
  const isSequence = info.type === 'seq';
  const values = isSequence
    ? undefined
    : await decodeMany(samples, modality, model.loaded, options);
  const outputs: Output[] = [];
  for (const [index, { sample, ids }] of samples.entries()) {
    options.signal?.throwIfAborted();
    const shown: Partial<Output> = isSequence
      ? await presentSequence(ids, modality, model, options)
      : await presentValues(values?.[index], modality, model, options.signal);
    outputs.push({
      modality,
      presentation: info.presentation,
      sample,
      tokens: [...ids],
      ...marked(shown, options.origin, sample),
    });
  }
  return outputs;
}

/** As `makeOutputs`, for one target of one sample. */
export async function makeOutput(
  modality: string,
  tokens: readonly number[],
  model: ServedModel,
  { sample, ...options }: DecodeOptions & Pick<OutputOptions, 'origin'>,
): Promise<Output> {
  const outputs = await makeOutputs(modality, [{ ids: tokens, sample }], model, options);
  return itemAt(outputs, 0, 'the outputs');
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
  const { presentation } = fieldOf(model.loaded.fm.modalities, modality, 'the model');
  if (!isTextual(presentation)) return undefined;
  const texts = samples.map((ids) => textOf(ids, model).text);
  return await textPresentation(presentation).merge?.(texts, textContext(modality, model));
}
