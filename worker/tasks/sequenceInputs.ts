/** Texts and JSON values of sequence modalities -> tokens. */
import { pointerBelow } from '../../shared/api/pointer.ts';
import { FailureError, refusal } from '../../shared/api/problem.ts';
import { fieldOf } from '../../shared/lookup.ts';
import { traitsOf } from '../../shared/model/presentations.ts';
import { fullTokens, type VisibleTokens } from '../engine/tokenState.ts';
import type { TextPresentation } from '../presentations/presentation.ts';
import { textPresentation } from '../presentations/texts.ts';
import type { Notation } from '../text/wordpiece.ts';
import { checkGaps, checkNamedGaps } from './gaps.ts';
import type { Reading } from './reading.ts';
import type { InputModel } from './servedModel.ts';
import { textContext } from './textContext.ts';
import { checkForm } from './textForm.ts';
import { warnOfUnknown } from './unknownWords.ts';

/** What a sequence modality's text is read with. */
interface Sequence {
  readonly modality: string;
  readonly model: InputModel;
  readonly presentation: TextPresentation;
  /** A person types captions; the texts of the other modalities follow a format. */
  readonly notation: Notation;
}

function sequenceOf(modality: string, model: InputModel): Sequence {
  const { presentation } = fieldOf(model.loaded.fm.modalities, modality, 'the model');
  return {
    modality,
    model,
    presentation: textPresentation(presentation),
    notation: traitsOf(presentation).isStructured ? 'format' : 'plain',
  };
}

const infoOf = ({ modality, model }: Sequence) =>
  fieldOf(model.loaded.fm.modalities, modality, 'the model');

/** Marks that delimit texts; a text of nothing else says nothing. */
const MARKS = /\[(?:PAD|UNK|SOS|EOS)\]/g;

/** Ids of a text and its end, unless the text ends with a gap: then more may follow. */
function tokensOf(text: string, sequence: Sequence, at: string) {
  const { model, notation } = sequence;
  const { max_tokens: most } = infoOf(sequence);
  checkGaps(text, model.text, at);
  const { ids: words, unknown } = model.text.tokenize(text, notation, most);
  checkNamedGaps(words, model.text, at);
  const { eos, isSentinel } = model.text.specials;
  const last = words.at(-1);
  const ids = last !== undefined && isSentinel(last) ? words : [...words, eos];
  if (ids.length > most) {
    const detail = `the text has more than ${most} tokens with its end; at most ${most} fit`;
    throw refusal('invalid_input', detail, at);
  }
  return { ids, unknown };
}

/** JSON that a structured modality was given as text; undefined for everything else. */
function jsonOf(text: string): unknown {
  if (!/^\s*[[{]\s*["{\]}]/.test(text)) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * Reads JSON that stands in a text: failures and warnings point at the text, and say which part of the JSON
 * it is.
 * @param read given the pointer of the JSON
 */
async function inText(
  at: string,
  reading: Reading,
  read: (at: string, reading: Reading) => Promise<VisibleTokens>,
): Promise<VisibleTokens> {
  const warn: Reading['warn'] = (warning) => reading.warn({ ...warning, pointer: at });
  try {
    return await read('', { ...reading, warn });
  } catch (error) {
    if (!(error instanceof FailureError)) throw error;
    const { code, detail, errors } = error.failure;
    const place = errors?.[0]?.pointer ?? '';
    const told = place === '' ? detail : `${place} of the JSON: ${detail}`;
    throw refusal(code, told, at, { cause: error });
  }
}

/**
 * Tokens of a text, which may hold gaps (`[S_1]`). Structured modalities are read in their own format or
 * as JSON.
 * @param at pointer of the text
 * @throws FailureError `invalid_input` when it is empty, too long or of another form; as `valueTokens` for JSON
 */
export async function textTokens(
  text: string,
  modality: string,
  model: InputModel,
  at: string,
  reading: Reading,
): Promise<VisibleTokens> {
  const sequence = sequenceOf(modality, model);
  const { form } = sequence.presentation;
  const json = form ? jsonOf(text) : undefined;
  if (json !== undefined)
    return await inText(at, reading, (place, own) =>
      valueTokens(json, modality, model, place, own),
    );
  return fullTokens(givenIds(text, sequence, at, reading));
}

/** Ids of a text that a caller wrote. */
function givenIds(
  text: string,
  sequence: Sequence,
  at: string,
  reading: Reading,
): readonly number[] {
  if (text.replace(MARKS, '').trim() === '')
    throw refusal('invalid_input', 'the text is empty', at);
  const { modality, model, presentation } = sequence;
  const { form } = presentation;
  if (form) checkForm(text, form, { modality, info: infoOf(sequence), text: model.text }, at);
  const { ids, unknown } = tokensOf(text, sequence, at);
  warnOfUnknown(unknown, modality, model, at, reading);
  return ids;
}

/** Lets others have the event loop between two texts. */
const breathe = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/**
 * Tokens of a JSON value in the form in which the modality is answered. Of several captions each counts
 * its positions from 0.
 * @param at pointer of the value
 * @throws FailureError `invalid_input` naming the part that does not fit, `no_tokenizer` for rotations
 *   of a body where no pose tokenizer is loaded
 */
export async function valueTokens(
  value: unknown,
  modality: string,
  model: InputModel,
  at: string,
  reading: Reading,
): Promise<VisibleTokens> {
  const sequence = sequenceOf(modality, model);
  const { presentation } = sequence;
  const texts = await presentation.write(value, {
    ...textContext(modality, model, reading.signal),
    at,
    checkLength: (text) => void tokensOf(text, sequence, at),
  });
  const runs: (readonly number[])[] = [];
  for (const [index, text] of texts.entries()) {
    reading.signal?.throwIfAborted();
    if (presentation.form) {
      const { ids, unknown } = tokensOf(text, sequence, at);
      warnOfUnknown(unknown, modality, model, at, reading);
      runs.push(ids);
    } else {
      const place = Array.isArray(value) ? pointerBelow(at, index) : at;
      runs.push(givenIds(text, sequence, place, reading));
      if (index + 1 < texts.length) await breathe();
    }
  }
  return {
    positions: runs.flatMap((ids) => ids.map((_, position) => position)),
    content: { kind: 'ids', ids: runs.flat() },
  };
}
