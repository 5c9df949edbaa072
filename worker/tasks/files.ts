/** Files of a request: pictures and arrays -> the tokens or rows that the encoder sees. */
import { refusal } from '../../shared/api/problem.ts';
import { fieldOf } from '../../shared/lookup.ts';
import { traitsOf } from '../../shared/model/presentations.ts';
import { fullRows, fullTokens, type VisibleTokens } from '../engine/tokenState.ts';
import type { Picture } from '../image/inspect.ts';
import type { OpenedFile } from '../presentations/threadTasks.ts';
import { inThread } from '../threads/inThread.ts';
import { ownedBuffers } from '../threads/serve.ts';
import { warnOfClipping } from './clipping.ts';
import { encodeArray, encodePicture } from './encodeValues.ts';
import { warnOfUnfamiliar } from './familiar.ts';
import { knownPicture, rememberPicture } from './knownPictures.ts';
import { pixelTokens } from './pixels.ts';
import { laneOf, type Reading } from './reading.ts';
import type { InputModel } from './servedModel.ts';

/** Tokens, and the size of the picture they come from where there is one. */
export interface Given {
  readonly tokens: VisibleTokens;
  readonly size?: { readonly width: number; readonly height: number };
}

interface Wanted {
  readonly encoded: string;
  readonly modality: string;
  readonly takes: { readonly pictures: boolean; readonly arrays: boolean };
}

async function open(wanted: Wanted, at: string, { signal }: Reading): Promise<OpenedFile> {
  const { pictures, arrays } = wanted.takes;
  const known = pictures ? knownPicture(wanted.encoded, arrays, at) : undefined;
  if (known) return { kind: 'picture', picture: known };
  const encoded = new TextEncoder().encode(wanted.encoded);
  const options = { signal, transfer: [encoded.buffer] };
  const file = await inThread('openFile', { ...wanted, encoded, at }, options);
  if (file.kind === 'picture') rememberPicture(file.picture);
  return file;
}

/** @param name for messages @throws FailureError `invalid_image`, `image_too_large` */
export async function openPicture(
  encoded: string,
  name: string,
  at: string,
  reading: Reading,
): Promise<Picture> {
  const takes = { pictures: true, arrays: false };
  const file = await open({ encoded, modality: name, takes }, at, reading);
  if (file.kind === 'picture') return file.picture;
  throw refusal('invalid_image', `${name} is not a picture`, at);
}

/**
 * A file: a picture, or an array of numbers.
 * @param encoded data URL or base64
 * @throws FailureError `invalid_image`, `image_too_large`, `invalid_input`, `no_tokenizer`
 */
export async function fileTokens(
  encoded: string,
  modality: string,
  model: InputModel,
  at: string,
  reading: Reading,
): Promise<Given> {
  const info = fieldOf(model.loaded.fm.modalities, modality, 'the model');
  const isEmbedding = info.type === 'seq_emb';
  const takes = {
    pictures: traitsOf(info.presentation).kind === 'picture' && !isEmbedding,
    arrays: !info.pixels,
  };
  const file = await open({ encoded, modality, takes }, at, reading);
  const { signal } = reading;
  if (file.kind === 'array') {
    const { bytes } = file;
    const options = { signal, lane: laneOf(bytes.length), transfer: ownedBuffers(bytes) };
    if (!isEmbedding)
      return { tokens: fullTokens(await encodeArray(bytes, modality, model.loaded, at, options)) };
    const { rows, width } = await inThread('embeddingRows', { bytes, info, at }, options);
    return { tokens: fullRows(rows, width) };
  }
  const { picture } = file;
  const { width, height } = picture;
  reading.countPixels(width * height, at);
  const size = { width, height };
  warnOfClipping(picture, info.presentation, at, reading);
  if (info.pixels) {
    reading.beside(warnOfUnfamiliar(picture, modality, model, at, reading));
    return { tokens: await pixelTokens(picture, modality, model, at, reading), size };
  }
  await warnOfUnfamiliar(picture, modality, model, at, reading);
  const options = { signal, lane: laneOf(width * height), transfer: ownedBuffers(picture) };
  const ids = await encodePicture(picture, modality, model.loaded, at, options);
  return { tokens: fullTokens(ids), size };
}
