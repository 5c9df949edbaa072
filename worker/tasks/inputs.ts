/** Input values of a request -> tokens the encoder sees. */
import type { InputValue } from '../../shared/api/generate.ts';
import { pointerBelow, pointerTo } from '../../shared/api/pointer.ts';
import { refusal } from '../../shared/api/problem.ts';
import { fieldOf } from '../../shared/lookup.ts';
import type { ModalityInfo } from '../../shared/model/modalities.ts';
import { traitsOf } from '../../shared/model/presentations.ts';
import { findModality, inputForm, inputModality } from '../../shared/plan/names.ts';
import { checkTokens } from '../../shared/plan/tokenRange.ts';
import { fullRows, fullTokens, type VisibleTokens } from '../engine/tokenState.ts';
import { bytesFromText, decodePicture, inspectPicture } from '../image/decode.ts';
import { pixelPatches } from '../image/preprocess.ts';
import { isArrayFile, ofRank, readArray } from '../values/arrays.ts';
import { type Frame, hiddenPositions, withoutHidden } from '../values/hide.ts';
import { vectorSchema } from '../values/schemas.ts';
import { checked, gappedTokens, textTokens, valueTokens } from './sequenceInputs.ts';
import type { ServedModel } from './servedModel.ts';
import { encodeArray, encodePicture, encodeVector } from './tokenizers.ts';

/** Tokens, and the size of the picture they come from where there is one. */
interface Given {
  readonly tokens: VisibleTokens;
  readonly size?: { readonly width: number; readonly height: number };
}

/** Rows of a text encoder (n, width), n up to the modality's bound. */
async function embeddingRows(bytes: Buffer, info: ModalityInfo, at: string): Promise<Given> {
  const { max_tokens: most, embedding_size: width = 4096 } = info;
  const form = `(n, ${width}) with n from 1 to ${most}, as .npy or .safetensors`;
  if (!isArrayFile(bytes)) throw refusal('invalid_input', `embeddings are an array ${form}`, at);
  const { dims, data } = ofRank(await readArray(bytes, at), 2, form, at);
  if (dims[1] !== width || dims[0]! > most)
    throw refusal(
      'invalid_input',
      `the array has shape (${dims.join(', ')}); it must be ${form}`,
      at,
    );
  return { tokens: fullRows(Float32Array.from(data), width) };
}

/** A file: a picture, or an array of numbers. */
async function fileTokens(
  encoded: string,
  modality: string,
  model: ServedModel,
  at: string,
): Promise<Given> {
  const info = model.loaded.fm.modalities[modality]!;
  const isPicture = traitsOf(info.presentation).kind === 'picture';
  const bytes = bytesFromText(encoded, at, isPicture ? 'invalid_image' : 'invalid_input');
  if (info.type === 'seq_emb') return await embeddingRows(bytes, info, at);
  if (!info.pixels && isArrayFile(bytes)) {
    const ids = await encodeArray(await readArray(bytes, at), modality, model.loaded, at);
    return { tokens: fullTokens(ids) };
  }
  if (!isPicture)
    throw refusal('invalid_input', `${modality} is given as an array, .npy or .safetensors`, at);
  const picture = await inspectPicture(bytes, at);
  const { width, height } = picture;
  if (!info.pixels) {
    const ids = await encodePicture(picture, modality, model.loaded, at);
    return { tokens: fullTokens(ids), size: { width, height } };
  }
  const size = info.input_size!;
  const options = { size, channels: 3, resampling: 'smooth' } as const;
  const { data } = await decodePicture(picture, options, at);
  const rows = pixelPatches(data, size, info.patch_size!);
  return { tokens: fullRows(rows, 3 * info.patch_size! ** 2), size: { width, height } };
}

/** Raw ids; null is not known. */
function rawTokens(
  ids: readonly (number | null)[],
  modality: string,
  model: ServedModel,
  at: string,
): VisibleTokens {
  const info = fieldOf(model.loaded.fm.modalities, modality, 'the model');
  const { type, vocab_size: vocabulary = 0, max_tokens: tokens } = info;
  checkTokens(ids, { name: modality, type, vocabulary, tokens }, at);
  if (info.type !== 'img') return gappedTokens(ids, model, at);
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
  model: ServedModel,
  at: string,
): Promise<Given> {
  const info = model.loaded.fm.modalities[modality]!;
  if (typeof value === 'string') {
    if (info.type !== 'seq') return await fileTokens(value, modality, model, at);
    return { tokens: await textTokens(value, modality, model, at) };
  }
  if ('ref' in value) throw new Error(`input ${modality}: a reference was not resolved`);
  if ('tokens' in value)
    return { tokens: rawTokens(value.tokens, modality, model, pointerBelow(at, 'tokens')) };
  if ('data' in value) {
    if (info.type === 'seq')
      throw refusal('invalid_input', `${modality} is not given as a file`, at);
    return await fileTokens(value.data, modality, model, at);
  }
  if ('text' in value) {
    if (info.type !== 'seq') throw refusal('invalid_input', `${modality} is not given as text`, at);
    return { tokens: await textTokens(value.text, modality, model, at) };
  }
  if (info.type === 'seq') {
    return { tokens: await valueTokens(value.value, modality, model, pointerBelow(at, 'value')) };
  }
  if (info.presentation !== 'vector')
    throw refusal('invalid_input', `${modality} is not given as JSON`, at);
  const numbers = checked(vectorSchema, value.value, pointerBelow(at, 'value'));
  return {
    tokens: fullTokens(
      await encodeVector(numbers, modality, model.loaded, pointerBelow(at, 'value')),
    ),
  };
}

/** Takes away what the value says is hidden. */
async function visible(
  { tokens, size }: Given,
  value: InputValue,
  modality: string,
  info: ModalityInfo,
  at: string,
): Promise<VisibleTokens> {
  if (typeof value === 'string' || !('hide' in value) || value.hide === undefined) return tokens;
  const place = pointerBelow(at, 'hide');
  const { input_size: side, patch_size: patch } = info;
  if (!traitsOf(info.presentation).hasPlaces || !side || !patch)
    throw refusal('invalid_input', `${modality} has no places that could be hidden`, place);
  const { width, height } = size ?? { width: side, height: side };
  const frame: Frame = { grid: side / patch, side, width, height };
  return withoutHidden(tokens, await hiddenPositions(value.hide, frame, place), place);
}

/** The model's own name of an input. @throws FailureError `unknown_modality` */
function exactName(name: string, value: InputValue, model: ServedModel, at: string): string {
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
 * @throws FailureError `unknown_modality`, `invalid_image`, `image_too_large`, `invalid_input`,
 *   `no_tokenizer`, each with the pointer of the field
 */
export async function readInput(
  name: string,
  value: InputValue,
  model: ServedModel,
  at: string = pointerTo('inputs', name),
): Promise<VisibleTokens> {
  const exact = exactName(name, value, model, at);
  const given = await givenTokens(exact, value, model, at);
  return await visible(given, value, exact, model.loaded.fm.modalities[exact]!, at);
}
