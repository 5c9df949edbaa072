/** Tokenizers at work: pictures, arrays, vectors and masks -> ids. */
import { refusal } from '../../shared/api/problem.ts';
import { fieldOf } from '../../shared/lookup.ts';
import type { Picture } from '../image/inspect.ts';
import type { FeedContext } from '../presentations/presentation.ts';
import { vectorFeed } from '../presentations/vector.ts';
import type { LoadedInputs, LoadedTokenizer, Tensor } from '../session/types.ts';
import { inThread, type ThreadOptions } from '../threads/inThread.ts';
import { tokenizerOf } from './tokenizerOf.ts';

/** @throws FailureError `no_tokenizer`, saying what is loaded instead */
function needTokenizer(modality: string, loaded: LoadedInputs, at: string): LoadedTokenizer {
  const tokenizer = tokenizerOf(modality, loaded);
  if (tokenizer) return tokenizer;
  const names = Object.keys(loaded.tokenizers).join(', ') || 'none';
  const detail = `no tokenizer is loaded for ${modality}; give its tokens. Loaded: ${names}`;
  throw refusal('no_tokenizer', detail, at);
}

/** Ids that a tokenizer's encoder makes of a feed, row-major. */
export async function encode(
  tokenizer: LoadedTokenizer,
  feed: Readonly<Record<string, Tensor>>,
): Promise<number[]> {
  const { ids } = await tokenizer.encoder.run(feed, ['ids']);
  if (ids?.type !== 'int64')
    throw new Error(`tokenizer ${tokenizer.manifest.id}: ids are not int64`);
  return Array.from(ids.data, Number);
}

export const feedContext = (
  { manifest: { config } }: LoadedTokenizer,
  modality: string,
  { fm }: LoadedInputs,
  at: string,
): FeedContext => ({ info: fieldOf(fm.modalities, modality, 'the model'), config, at });

/**
 * Token ids of a picture, row-major.
 * @param modality the model's own name
 * @throws FailureError `no_tokenizer`, `invalid_image`, `invalid_input`
 */
export async function encodePicture(
  picture: Picture,
  modality: string,
  loaded: LoadedInputs,
  at: string,
  options: ThreadOptions = {},
): Promise<number[]> {
  const tokenizer = needTokenizer(modality, loaded, at);
  const context = feedContext(tokenizer, modality, loaded, at);
  return await encode(tokenizer, await inThread('pictureFeed', { picture, context }, options));
}

/**
 * Token ids of the array in a file: depth, normals, classes, a feature map or a vector.
 * @param bytes .npy or .safetensors
 * @throws FailureError `no_tokenizer`, `invalid_input`
 */
export async function encodeArray(
  bytes: Uint8Array,
  modality: string,
  loaded: LoadedInputs,
  at: string,
  options: ThreadOptions = {},
): Promise<number[]> {
  const tokenizer = needTokenizer(modality, loaded, at);
  const context = feedContext(tokenizer, modality, loaded, at);
  return await encode(tokenizer, await inThread('arrayFeed', { bytes, context }, options));
}

/**
 * Token ids of a vector, one a codebook.
 * @throws FailureError `no_tokenizer`, `invalid_input` for another length
 */
export async function encodeVector(
  values: readonly number[],
  modality: string,
  loaded: LoadedInputs,
  at: string,
): Promise<number[]> {
  const tokenizer = needTokenizer(modality, loaded, at);
  const { config } = tokenizer.manifest;
  if (!config.enc_type.includes('MLP/'))
    throw refusal('invalid_input', `the tokenizer of ${modality} takes pictures, not vectors`, at);
  return await encode(tokenizer, vectorFeed(values, config.n_channels, at));
}

/**
 * Token ids of a mask.
 * @param mask (side, side) from 0 to 1
 * @throws FailureError `no_tokenizer`
 */
export async function encodeMask(
  mask: Float32Array,
  side: number,
  modality: string,
  loaded: LoadedInputs,
  at: string,
): Promise<number[]> {
  const tokenizer = needTokenizer(modality, loaded, at);
  return await encode(tokenizer, {
    pixels: { type: 'float32', dims: [1, 1, side, side], data: mask },
  });
}
