/** Words that the vocabulary lacks: the model reads all of them as the same unknown token. */
import { quoted } from '../text/words.ts';
import type { Reading } from './reading.ts';
import type { InputModel } from './servedModel.ts';

/** Words that a warning names at most. */
const NAMED = 5;

/**
 * Warns of the unknown words of a text, and notes them, so that they stay in a text that is completed.
 * @param unknown in their order
 */
export function warnOfUnknown(
  unknown: readonly string[],
  modality: string,
  { description }: InputModel,
  at: string,
  reading: Reading,
): void {
  if (unknown.length === 0) return;
  const { unknownWords } = reading;
  unknownWords.set(modality, [...(unknownWords.get(modality) ?? []), ...unknown]);
  const words = [...new Set(unknown)];
  const named = words.slice(0, NAMED).map(quoted);
  const more = words.length > NAMED ? ` and ${words.length - NAMED} more` : '';
  const detail = `the vocabulary of ${description.id} lacks ${named.join(', ')}${more} of ${modality}`;
  reading.warn({ code: 'unknown_words', detail, pointer: at });
}
