/** Tokenizers at work: pictures -> ids, ids -> values. */
import { FailureError } from '../../shared/api/problem.ts';
import type { QuantizingConfig } from '../../shared/model/config.ts';
import type { ModalityInfo } from '../../shared/model/modalities.ts';
import { sample } from '../diffusion/sampler.ts';
import { normals } from '../engine/rng.ts';
import { decodePicture, type Picture } from '../image/decode.ts';
import type { DecodedValues } from '../image/postprocess.ts';
import {
  classesOfColours,
  signedPlanes,
  standardisedDepth,
  standardisedPlanes,
} from '../image/preprocess.ts';
import type { FloatTensor, LoadedModelSet, LoadedTokenizer, Tensor } from '../session/types.ts';

const refuse = (code: 'no_tokenizer' | 'invalid_input', detail: string, pointer: string) =>
  new FailureError({ code, detail, errors: [{ detail, pointer }] });

/** "No class" of the published label pictures, which 8 bits wrap to class 0. */
const NO_CLASS = 255;

async function labels(
  picture: Picture,
  info: ModalityInfo,
  count: number,
  at: string,
): Promise<number[]> {
  const size = info.input_size!;
  const grey = picture.channels <= 2 && !picture.palette;
  const options = { size, channels: grey ? 1 : 3, resampling: 'nearest' } as const;
  const { data } = await decodePicture(picture, options, at);
  if (!grey) {
    const classes = info.palette && classesOfColours(data, info.palette);
    if (classes) return classes;
    const detail = 'a class picture is grey with class ids, or in the colours of the palette';
    throw refuse('invalid_input', detail, at);
  }
  const ids = Array.from(data, (id) => (id === NO_CLASS ? 0 : id));
  const beyond = ids.find((id) => id >= count);
  if (beyond === undefined) return ids;
  throw refuse('invalid_input', `class ${beyond} does not exist; there are ${count}`, at);
}

/** The input tensor of a tokenizer's encoder for a picture of this presentation. */
async function encoderFeed(
  picture: Picture,
  info: ModalityInfo,
  config: QuantizingConfig,
  at: string,
): Promise<Record<string, Tensor>> {
  const size = info.input_size!;
  if (config.n_labels !== null) {
    const data = BigInt64Array.from(await labels(picture, info, config.n_labels, at), BigInt);
    return { labels: { type: 'int64', dims: [1, size, size], data } };
  }
  const channels = config.n_channels === 1 ? 1 : 3;
  // Interpolated depth or normals would belong to no surface.
  const invents = info.presentation === 'depth' || info.presentation === 'normal';
  const resampling = invents ? 'nearest' : 'smooth';
  const { data, largest } = await decodePicture(picture, { size, channels, resampling }, at);
  const colour = config.undo_std ? standardisedPlanes(data) : signedPlanes(data, channels);
  const planes = info.presentation === 'depth' ? standardisedDepth(data, largest) : colour;
  return { pixels: { type: 'float32', dims: [1, channels, size, size], data: planes } };
}

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
): Promise<number[]> {
  const info = loaded.fm.modalities[modality]!;
  const stem = info.tokenizer ?? '';
  const tokenizer = loaded.tokenizers[stem];
  if (!tokenizer) {
    throw refuse('no_tokenizer', `no tokenizer is loaded for ${modality}; give its tokens`, at);
  }
  const feed = await encoderFeed(picture, info, tokenizer.manifest.config, at);
  const { ids } = await tokenizer.encoder.run(feed, ['ids']);
  if (ids?.type !== 'int64') throw new Error(`tokenizer ${stem}: ids are not int64`);
  return Array.from(ids.data, Number);
}

/** Where a decode that starts from noise takes it from: the same numbers give the same picture. */
export interface DecodeOptions {
  readonly seed: number;
  /** Which of a request's samples the ids belong to. */
  readonly sample: number;
  /** Stops between two denoising steps; its reason is thrown. */
  readonly signal?: AbortSignal;
}

/**
 * Decoded values of a modality's ids, or undefined when its tokenizer is not loaded.
 * @param ids in order of position
 */
export async function decodeTokens(
  ids: readonly number[],
  modality: string,
  loaded: LoadedModelSet,
  options: DecodeOptions,
): Promise<DecodedValues | undefined> {
  const stem = loaded.fm.modalities[modality]!.tokenizer ?? '';
  const tokenizer = loaded.tokenizers[stem];
  if (!tokenizer) return undefined;
  const side = Math.sqrt(ids.length);
  const flat = tokenizer.manifest.config.dec_type.includes('MLP/');
  const dims = flat ? [1, ids.length] : [1, side, side];
  const feed: Tensor = { type: 'int64', dims, data: BigInt64Array.from(ids, BigInt) };
  const values =
    tokenizer.kind === 'divae'
      ? await denoised(tokenizer, feed, modality, options)
      : floatOutput(stem, 'values', await tokenizer.decoder.run({ ids: feed }, ['values']));
  const [, channels = 1, height = 1, width = 1] = values.dims;
  return { data: values.data, channels, height, width };
}

/** @param ids int64 (1, h, w) */
async function denoised(
  { manifest, codebook, denoiser }: Extract<LoadedTokenizer, { kind: 'divae' }>,
  ids: Tensor,
  modality: string,
  { seed, sample: row, signal }: DecodeOptions,
): Promise<FloatTensor> {
  const { config } = manifest;
  const codes = floatOutput(manifest.id, 'codes', await codebook.run({ ids }));
  const scale = config.patch_proj ? config.patch_size : 1;
  const [, height = 1, width = 1] = ids.dims;
  return sample(denoiser, codes, config, {
    size: [height * scale, width * scale],
    noise: (_, step, count) => normals(seed, row, { target: modality, step }, count),
    ...(signal && { signal }),
  });
}

function floatOutput(
  tokenizer: string,
  name: string,
  outputs: Readonly<Record<string, Tensor>>,
): FloatTensor {
  const output = outputs[name];
  if (output?.type !== 'float32')
    throw new Error(`tokenizer ${tokenizer}: ${name} are not float32`);
  return output;
}
