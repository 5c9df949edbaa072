/**
 * What is done with files and decoded values away from the event loop. The threads of the pool do it, so
 * arguments and results are plain values and typed arrays.
 */
import { refusal } from '../../shared/api/problem.ts';
import type { ModalityInfo } from '../../shared/model/modalities.ts';
import { bytesFromText } from '../image/base64.ts';
import { decodePicture, decodeTransparency } from '../image/decode.ts';
import { inspectPicture, type Picture } from '../image/inspect.ts';
import { pixelPatches } from '../image/preprocess.ts';
import { isArrayFile, ofRank, readArray } from '../values/arrays.ts';
import { cellsInMask } from '../values/hide.ts';
import { drawInstances } from './drawInstances.ts';
import { gridPresentation } from './grids.ts';
import type { DecodedValues, Feed, FeedContext, Shown } from './presentation.ts';

export type OpenedFile =
  | { readonly kind: 'picture'; readonly picture: Picture }
  | { readonly kind: 'array'; readonly bytes: Uint8Array };

/**
 * The bytes of a file in base64, and what they are by their beginning.
 * @throws FailureError `invalid_image`, `image_too_large`, `invalid_input`
 */
async function openFile({
  encoded,
  modality,
  takes,
  at,
}: {
  /** Base64 or a data URL as UTF-8: bytes are handed over between threads, where a text would be copied. */
  readonly encoded: Uint8Array;
  /** For messages. */
  readonly modality: string;
  readonly takes: { readonly pictures: boolean; readonly arrays: boolean };
  readonly at: string;
}): Promise<OpenedFile> {
  const bytes = bytesFromText(
    new TextDecoder().decode(encoded),
    at,
    takes.pictures ? 'invalid_image' : 'invalid_input',
  );
  if (takes.arrays && isArrayFile(bytes)) return { kind: 'array', bytes };
  if (takes.pictures) return { kind: 'picture', picture: await inspectPicture(bytes, at) };
  const detail = `${modality} is given as an array, .npy or .safetensors`;
  throw refusal('invalid_input', detail, at);
}

/** A picture as the encoder of its tokenizer takes it. @throws FailureError */
async function pictureFeed({
  picture,
  context,
}: {
  readonly picture: Picture;
  readonly context: FeedContext;
}): Promise<Feed> {
  const { presentation } = context.info;
  const { fromPicture } = gridPresentation(presentation);
  if (fromPicture) return await fromPicture(picture, context);
  throw refusal('invalid_input', `${presentation} values are not given as a picture`, context.at);
}

/** An array as the encoder of its tokenizer takes it. @throws FailureError `invalid_input` */
async function arrayFeed({
  bytes,
  context,
}: {
  readonly bytes: Uint8Array;
  readonly context: FeedContext;
}): Promise<Feed> {
  const { presentation } = context.info;
  const { fromArray } = gridPresentation(presentation);
  if (fromArray) return fromArray(await readArray(bytes, context.at), context);
  const detail = `${presentation} values are given as a picture, not an array`;
  throw refusal('invalid_input', detail, context.at);
}

/** Patches of a picture that the model sees as pixels, see `pixelPatches`. @throws FailureError */
async function pixelRows({
  picture,
  size,
  patchSize,
  at,
}: {
  readonly picture: Picture;
  readonly size: number;
  readonly patchSize: number;
  readonly at: string;
}): Promise<Float32Array> {
  const options = { size, channels: 3, resampling: 'smooth' } as const;
  const { data } = await decodePicture(picture, options, at);
  return pixelPatches(data, size, patchSize);
}

/** Rows of a text encoder (n, width), n up to the modality's bound. @throws FailureError */
async function embeddingRows({
  bytes,
  info: { max_tokens: most, embedding_size: width = 4096 },
  at,
}: {
  readonly bytes: Uint8Array;
  readonly info: ModalityInfo;
  readonly at: string;
}): Promise<{ readonly rows: Float32Array; readonly width: number }> {
  const form = `(n, ${width}) with n from 1 to ${most}, as .npy or .safetensors`;
  const { dims, data } = ofRank(await readArray(bytes, at), 2, form, at);
  const [count = 0, found] = dims;
  if (found !== width || count > most) {
    const detail = `the array has shape (${dims.join(', ')}); it must be ${form}`;
    throw refusal('invalid_input', detail, at);
  }
  return { rows: Float32Array.from(data), width };
}

/** Cells of the grid that the white of a mask touches, or what is transparent. @throws FailureError `invalid_image` */
async function maskCells({
  picture,
  grid,
  hides,
  at,
}: {
  readonly picture: Picture;
  readonly grid: number;
  readonly hides: 'white' | 'transparent';
  readonly at: string;
}): Promise<number[]> {
  const size = Math.min(picture.width, picture.height);
  if (hides === 'transparent') {
    const data = await decodeTransparency(picture, at);
    return cellsInMask({ data, largest: 255 }, size, grid);
  }
  const options = { size, channels: 1, resampling: 'nearest', readsSixteenBits: true } as const;
  return cellsInMask(await decodePicture(picture, options, at), size, grid);
}

/** What a person is shown of decoded values. */
const showValues = ({
  values,
  info,
}: {
  readonly values: DecodedValues;
  readonly info: ModalityInfo;
}): Promise<Shown> => gridPresentation(info.presentation).show(values, info);

export const PRESENTATION_TASKS = {
  openFile,
  pictureFeed,
  arrayFeed,
  pixelRows,
  embeddingRows,
  maskCells,
  showValues,
  drawInstances,
} as const;
