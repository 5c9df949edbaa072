/** Input values of a request -> tokens the encoder sees. */
import type { InputValue } from '../../shared/api/generate.ts';
import { pointerBelow, pointerTo } from '../../shared/api/pointer.ts';
import { refusal } from '../../shared/api/problem.ts';
import { fieldOf } from '../../shared/lookup.ts';
import type { ModalityInfo } from '../../shared/model/modalities.ts';
import { traitsOf } from '../../shared/model/presentations.ts';
import { findModality, inputForm, inputModality } from '../../shared/plan/names.ts';
import { checkTextLength } from '../../shared/plan/textLimit.ts';
import { checkTokens } from '../../shared/plan/tokenRange.ts';
import { fullTokens, type VisibleTokens } from '../engine/tokenState.ts';
import { checked } from '../presentations/checked.ts';
import { withoutHidden } from '../values/hide.ts';
import { vectorSchema } from '../values/schemas.ts';
import { encodeVector } from './encodeValues.ts';
import { fileTokens, type Given } from './files.ts';
import { gappedTokens } from './gaps.ts';
import { hiddenPositions } from './hide.ts';
import { type Reading, startReading } from './reading.ts';
import { textTokens, valueTokens } from './sequenceInputs.ts';
import type { InputModel } from './servedModel.ts';

/** Raw ids; null is not known. */
function rawTokens(
  ids: readonly (number | null)[],
  modality: string,
  model: InputModel,
  at: string,
): VisibleTokens {
  const info = fieldOf(model.loaded.fm.modalities, modality, 'the model');
  const { type, vocab_size: vocabulary = 0, max_tokens: tokens } = info;
  checkTokens(ids, { name: modality, type, vocabulary, tokens }, at);
  if (type !== 'img') return gappedTokens(ids, model.text, at);
  const known = ids.flatMap((id, position) => (id === null ? [] : [{ id, position }]));
  if (known.length === 0) throw refusal('invalid_input', 'none of the tokens is known', at);
  return {
    positions: known.map(({ position }) => position),
    content: { kind: 'ids', ids: known.map(({ id }) => id) },
  };
}

async function givenTokens(
  modality: string,
  value: InputValue,
  model: InputModel,
  at: string,
  reading: Reading,
): Promise<Given> {
  const info = fieldOf(model.loaded.fm.modalities, modality, 'the model');
  const isSequence = info.type === 'seq';
  if (typeof value === 'string') {
    if (!isSequence) return await fileTokens(value, modality, model, at, reading);
    return { tokens: await textTokens(value, modality, model, at, reading) };
  }
  if ('ref' in value) throw new Error(`input ${modality}: a reference was not resolved`);
  if ('upload' in value || 'url' in value) {
    const detail = `${modality} cannot be given by an upload or an address here; give its bytes`;
    throw refusal('invalid_input', detail, at);
  }
  if ('tokens' in value)
    return { tokens: rawTokens(value.tokens, modality, model, pointerBelow(at, 'tokens')) };
  if ('data' in value) {
    if (isSequence) throw refusal('invalid_input', `${modality} is not given as a file`, at);
    return await fileTokens(value.data, modality, model, at, reading);
  }
  if ('text' in value) {
    const place = pointerBelow(at, 'text');
    if (!isSequence) throw refusal('invalid_input', `${modality} is not given as text`, at);
    return { tokens: await textTokens(value.text, modality, model, place, reading) };
  }
  const place = pointerBelow(at, 'value');
  if (isSequence)
    return { tokens: await valueTokens(value.value, modality, model, place, reading) };
  if (!traitsOf(info.presentation).isJson)
    throw refusal('invalid_input', `${modality} is not given as JSON`, at);
  const numbers = checked(vectorSchema, value.value, place);
  return { tokens: fullTokens(await encodeVector(numbers, modality, model.loaded, place)) };
}

/** Takes away what the value says is hidden. */
async function visible(
  { tokens, size }: Given,
  value: InputValue,
  { modality, info, at }: { modality: string; info: ModalityInfo; at: string },
  reading: Reading,
): Promise<VisibleTokens> {
  if (typeof value === 'string' || !('hide' in value) || value.hide === undefined) return tokens;
  const place = pointerBelow(at, 'hide');
  const { input_size: side, patch_size: patch } = info;
  if (!traitsOf(info.presentation).hasPlaces || !side || !patch)
    throw refusal('invalid_input', `${modality} has no places that could be hidden`, place);
  const { width, height } = size ?? { width: side, height: side };
  const frame = { grid: side / patch, side, width, height };
  return withoutHidden(tokens, await hiddenPositions(value.hide, frame, place, reading), place);
}

/** The model's own name of an input. @throws FailureError `unknown_modality` */
function exactName(name: string, value: InputValue, model: InputModel, at: string): string {
  const entry = findModality(model.description, name);
  const exact = entry && inputModality(entry, name, inputForm(entry, value));
  if (exact !== undefined && model.loaded.fm.modalities[exact]) return exact;
  const detail = `${name} cannot be given to ${model.description.id} in this form`;
  throw refusal('unknown_modality', detail, at);
}

/**
 * The visible tokens of one value: ids, or rows of floats for pixels and embeddings. What is hidden or not
 * known is left out, so positions may have holes; of several captions each counts its own from 0. A
 * reference has to be replaced by the tokens it names before.
 * @param name public, or the model's own: `tok_rgb@224` makes tokens of a picture where `rgb` may mean its
 *   pixels
 * @param at pointer of the value in the request
 * @param reading what the inputs of the request share; it takes the warnings, some of them only when
 *   `reading.looked()` has resolved
 * @throws FailureError `unknown_modality`, `invalid_image`, `image_too_large`, `invalid_input`,
 *   `no_tokenizer`, each with the pointer of the field; the signal's reason when aborted
 */
export async function readInput(
  name: string,
  value: InputValue,
  model: InputModel,
  at: string = pointerTo('inputs', name),
  reading: Reading = startReading(),
): Promise<VisibleTokens> {
  reading.signal?.throwIfAborted();
  const modality = exactName(name, value, model, at);
  const info = fieldOf(model.loaded.fm.modalities, modality, 'the model');
  const { type, presentation, max_tokens: tokens } = info;
  // A second model reads the same inputs again.
  reading.unknownWords.delete(modality);
  if (type === 'seq') checkTextLength(value, { name, type, presentation, tokens }, at);
  const given = await givenTokens(modality, value, model, at, reading);
  return await visible(given, value, { modality, info, at }, reading);
}
