/** What the parts of an FM comparison share. */
import { fieldOf } from '../../shared/lookup.ts';
import type { ModalityInfo } from '../../shared/model/modalities.ts';
import type { FmModel, SequenceOrder } from './fmEncoded.ts';
import { type Row, range } from './fmFeeds.ts';
import { batchSize, type FmInputs, visible } from './fmInputs.ts';
import type { Report } from './report.ts';
import type { Tensors } from './tensors.ts';

/** One file of expected outputs with its inputs, and the model that is held against it. */
export interface FmCase {
  readonly model: FmModel;
  readonly inputs: FmInputs;
  readonly expected: Tensors;
  readonly order: SequenceOrder;
  readonly report: Report;
  /** Names of the expected tensors that were compared. */
  readonly used: Set<string>;
}

export const registersOf = ({ manifest }: FmModel): number => manifest.config.num_register_tokens;

export const infoOf = ({ model }: FmCase, name: string): ModalityInfo =>
  fieldOf(model.manifest.modalities, name, 'modalities');

/** All rows of a batch as the masks have them. */
export const inputRows = ({ model, inputs }: FmCase): Row[] =>
  range(batchSize(inputs)).map((row) =>
    Object.fromEntries(
      model.manifest.config.domains_in.map((name) => [name, visible(inputs, name, row)]),
    ),
  );

/**
 * The modality that a short name means: `tok_depth` for `tok_depth@224`.
 * @param given whether the inputs have it, which decides between several
 */
export function resolveName(
  short: string,
  names: readonly string[],
  given: (name: string) => boolean,
): string | undefined {
  if (names.includes(short)) return short;
  const candidates = [
    ...names.filter((name) => name.startsWith(`${short}@`)),
    ...names.filter((name) => name.startsWith(short) && !name.startsWith(`${short}@`)),
  ];
  return candidates.find(given) ?? candidates[0];
}
