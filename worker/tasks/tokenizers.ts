/** Tokenizers at work: pictures and arrays -> ids, ids -> values. */
import { refusal } from '../../shared/api/problem.ts';
import { fieldOf, itemAt, present } from '../../shared/lookup.ts';
import { sample } from '../diffusion/sampler.ts';
import { normals } from '../engine/rng.ts';
import type { Picture } from '../image/inspect.ts';
import type { DecodedValues, FeedContext } from '../presentations/presentation.ts';
import { vectorFeed } from '../presentations/vector.ts';
import type { FloatTensor, LoadedModelSet, LoadedTokenizer, Tensor } from '../session/types.ts';
import { inThread, type ThreadOptions } from '../threads/inThread.ts';

/** Rows of one decoding run at most: a denoiser's memory grows with them. */
const ROWS = 8;

/** The tokenizer of a modality; undefined where it has none or none is loaded. */
export const tokenizerOf = (
  modality: string,
  loaded: LoadedModelSet,
): LoadedTokenizer | undefined =>
  loaded.tokenizers[loaded.fm.modalities[modality]?.tokenizer ?? ''];

/** @throws FailureError `no_tokenizer`, saying what is loaded instead */
function needTokenizer(modality: string, loaded: LoadedModelSet, at: string): LoadedTokenizer {
  const tokenizer = tokenizerOf(modality, loaded);
  if (tokenizer) return tokenizer;
  const names = Object.keys(loaded.tokenizers).join(', ') || 'none';
  const detail = `no tokenizer is loaded for ${modality}; give its tokens. Loaded: ${names}`;
  throw refusal('no_tokenizer', detail, at);
}

async function encode(
  tokenizer: LoadedTokenizer,
  feed: Readonly<Record<string, Tensor>>,
): Promise<number[]> {
  const { ids } = await tokenizer.encoder.run(feed, ['ids']);
  if (ids?.type !== 'int64')
    throw new Error(`tokenizer ${tokenizer.manifest.id}: ids are not int64`);
  return Array.from(ids.data, Number);
}

const feedContext = (
  { manifest: { config } }: LoadedTokenizer,
  modality: string,
  { fm }: LoadedModelSet,
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
  loaded: LoadedModelSet,
  at: string,
  options: ThreadOptions = {},
): Promise<number[]> {
  const tokenizer = needTokenizer(modality, loaded, at);
  const context = feedContext(tokenizer, modality, loaded, at);
  return await encode(tokenizer, await inThread('pictureFeed', { picture, context }, options));
}

/**
 * How far a picture is from what its tokenizer makes of its own ids: the mean over pixels and channels, in
 * levels of 255. Undefined where pixels and values are not both colours from -1 to 1.
 * @param modality the model's own name, of tokens
 * @throws FailureError `invalid_image`
 */
export async function roundTripError(
  picture: Picture,
  modality: string,
  loaded: LoadedModelSet,
  at: string,
  options: ThreadOptions = {},
): Promise<number | undefined> {
  const tokenizer = tokenizerOf(modality, loaded);
  if (!tokenizer || tokenizer.kind === 'divae' || tokenizer.manifest.config.undo_std)
    return undefined;
  const context = feedContext(tokenizer, modality, loaded, at);
  const feed = await inThread('pictureFeed', { picture, context }, options);
  const { pixels } = feed;
  if (pixels?.type !== 'float32') return undefined;
  const ids = await encode(tokenizer, feed);
  const decoded = await decodeMany([{ sample: 0, ids }], modality, loaded, { seed: 0 });
  const values = itemAt(present(decoded, 'the decoded picture'), 0, 'the decoded pictures').data;
  if (values.length !== pixels.data.length) return undefined;
  const sum = values.reduce(
    (total, value, i) =>
      total + Math.abs(Math.min(1, Math.max(-1, value)) - itemAt(pixels.data, i, 'the pixels')),
    0,
  );
  return (sum / values.length) * 127.5;
}

/**
 * Token ids of the array in a file: depth, normals, classes, a feature map or a vector.
 * @param bytes .npy or .safetensors
 * @throws FailureError `no_tokenizer`, `invalid_input`
 */
export async function encodeArray(
  bytes: Uint8Array,
  modality: string,
  loaded: LoadedModelSet,
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
  loaded: LoadedModelSet,
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
  loaded: LoadedModelSet,
  at: string,
): Promise<number[]> {
  const tokenizer = needTokenizer(modality, loaded, at);
  return await encode(tokenizer, {
    pixels: { type: 'float32', dims: [1, 1, side, side], data: mask },
  });
}

/** Where a decode that starts from noise takes it from: the same numbers give the same picture. */
export interface DecodeOptions {
  readonly seed: number;
  /** Which of a request's samples the ids belong to. */
  readonly sample: number;
  /** Denoising steps; the sampler's default unless given. */
  readonly steps?: number;
  /** Stops between two denoising steps; its reason is thrown. */
  readonly signal?: AbortSignal;
}

/** Ids of one sample, in order of position. */
export interface SampleIds {
  readonly sample: number;
  readonly ids: readonly number[];
}

/**
 * Decoded values of a modality's ids for several samples, in one run of the tokenizer (for many, in a
 * few). A sample's values depend on its own ids, the seed and its number alone.
 * @returns in the order given; undefined when the modality's tokenizer is not loaded
 */
export async function decodeMany(
  samples: readonly SampleIds[],
  modality: string,
  loaded: LoadedModelSet,
  options: Omit<DecodeOptions, 'sample'>,
): Promise<DecodedValues[] | undefined> {
  const tokenizer = tokenizerOf(modality, loaded);
  if (!tokenizer) return undefined;
  const decoded: DecodedValues[] = [];
  for (let start = 0; start < samples.length; start += ROWS) {
    options.signal?.throwIfAborted();
    const rows = samples.slice(start, start + ROWS);
    decoded.push(...(await decodeRows(rows, modality, tokenizer, options)));
  }
  return decoded;
}

/** As `decodeMany`, for one sample. */
export async function decodeTokens(
  ids: readonly number[],
  modality: string,
  loaded: LoadedModelSet,
  { sample: index, ...options }: DecodeOptions,
): Promise<DecodedValues | undefined> {
  return (await decodeMany([{ ids, sample: index }], modality, loaded, options))?.[0];
}

async function decodeRows(
  rows: readonly SampleIds[],
  modality: string,
  tokenizer: LoadedTokenizer,
  options: Omit<DecodeOptions, 'sample'>,
): Promise<DecodedValues[]> {
  const count = itemAt(rows, 0, 'the samples').ids.length;
  const side = Math.sqrt(count);
  const flat = tokenizer.manifest.config.dec_type.includes('MLP/');
  const ids: Tensor = {
    type: 'int64',
    dims: flat ? [rows.length, count] : [rows.length, side, side],
    data: BigInt64Array.from(
      rows.flatMap((row) => row.ids),
      BigInt,
    ),
  };
  const values =
    tokenizer.kind === 'divae'
      ? await denoised(tokenizer, ids, rows, modality, options)
      : floatOutput(tokenizer, 'values', await tokenizer.decoder.run({ ids }, ['values']));
  const [, channels = 1, height = 1, width = 1] = values.dims;
  const size = values.data.length / rows.length;
  return rows.map((_, row) => {
    const data = values.data.subarray(row * size, (row + 1) * size);
    return { data, channels, height, width };
  });
}

/** @param ids int64 (B, h, w) */
async function denoised(
  tokenizer: Extract<LoadedTokenizer, { kind: 'divae' }>,
  ids: Tensor,
  rows: readonly SampleIds[],
  modality: string,
  { seed, steps, signal }: Omit<DecodeOptions, 'sample'>,
): Promise<FloatTensor> {
  const { config } = tokenizer.manifest;
  const codes = floatOutput(tokenizer, 'codes', await tokenizer.codebook.run({ ids }));
  const scale = config.patch_proj ? config.patch_size : 1;
  const [, height = 1, width = 1] = ids.dims;
  return sample(tokenizer.denoiser, codes, config, {
    size: [height * scale, width * scale],
    noise: (row, step, count) =>
      normals(seed, itemAt(rows, row, 'the samples').sample, { target: modality, step }, count),
    ...(steps !== undefined && { steps }),
    ...(signal && { signal }),
  });
}

function floatOutput(
  { manifest }: LoadedTokenizer,
  name: string,
  outputs: Readonly<Record<string, Tensor>>,
): FloatTensor {
  const output = outputs[name];
  if (output?.type !== 'float32')
    throw new Error(`tokenizer ${manifest.id}: ${name} are not float32`);
  return output;
}
