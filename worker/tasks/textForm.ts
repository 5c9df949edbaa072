/** Given texts against the form of their modality. */
import { refusal } from '../../shared/api/problem.ts';
import type { ModalityInfo } from '../../shared/model/modalities.ts';
import type { TextForm } from '../presentations/presentation.ts';
import type { TextTokenizer } from '../text/wordpiece.ts';
import { quoted, special, wordsOf } from '../text/words.ts';
import { isGap } from './gaps.ts';

interface Written {
  readonly modality: string;
  readonly info: ModalityInfo;
  /** Of the model. */
  readonly text: TextTokenizer;
}

/**
 * Refuses a text that is not of its modality's form. Of a text with gaps each word is checked alone, since
 * the gaps may stand for whatever is missing.
 * @throws FailureError `invalid_input`, which says the form
 */
export function checkForm(
  given: string,
  form: TextForm,
  { modality, info, text }: Written,
  at: string,
): void {
  const refuse = (why: string): never => {
    const detail = `${modality} is written ${form.said}, or given as JSON; ${why}`;
    throw refusal('invalid_input', detail, at);
  };
  const words = wordsOf(given);
  const [first = ''] = words;
  if (!isGap(first) && !form.begins(first)) refuse(`it does not begin with ${quoted(first)}`);
  const odd = words.find((word) => !isGap(word) && !form.hasWord(word, info));
  if (odd !== undefined) refuse(`${quoted(odd)} is no part of it`);
  if (!words.some(isGap) && !form.fits(given, info)) refuse('the text does not follow this form');
  const isForeign = (word: string): boolean =>
    special(word) !== undefined && text.tokenize(word, 'format').ids.length !== 1;
  const foreign = [...new Set(words)].find(isForeign);
  if (foreign !== undefined) refuse(`the vocabulary has no ${quoted(foreign)}`);
}
