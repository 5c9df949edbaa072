/** Tokenizers at work: ids -> values. */
import { itemAt } from '../../shared/lookup.ts';
import { sample } from '../diffusion/sampler.ts';
import { normals } from '../engine/rng.ts';
import type { DecodedValues } from '../presentations/presentation.ts';
import { runInParts } from '../session/outOfMemory.ts';
import type { FloatTensor, LoadedInputs, LoadedTokenizer, Tensor } from '../session/types.ts';
import { tokenizerOf } from './tokenizerOf.ts';

/** Rows of one decoding run at most: a denoiser's memory grows with them. */
const ROWS = 8;

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
 * Decoded values of a modality's ids for several samples, in one run of the tokenizer (for many, or where
 * memory is short, in a few). A sample's values depend on its own ids, the seed and its number alone.
 * @returns in the order given; undefined when the modality's tokenizer is not loaded
 */
export async function decodeMany(
  samples: readonly SampleIds[],
  modality: string,
  loaded: LoadedInputs,
  options: Omit<DecodeOptions, 'sample'>,
): Promise<DecodedValues[] | undefined> {
  const tokenizer = tokenizerOf(modality, loaded);
  if (!tokenizer || tokenizer.kind === 'encoder') return undefined;
  const decoded: DecodedValues[] = [];
  for (let start = 0; start < samples.length; start += ROWS) {
    options.signal?.throwIfAborted();
    const rows = samples.slice(start, start + ROWS);
    const run = (part: readonly SampleIds[]) => decodeRows(part, modality, tokenizer, options);
    decoded.push(...(await runInParts(rows, run)));
  }
  return decoded;
}

/** As `decodeMany`, for one sample. */
export async function decodeTokens(
  ids: readonly number[],
  modality: string,
  loaded: LoadedInputs,
  { sample: index, ...options }: DecodeOptions,
): Promise<DecodedValues | undefined> {
  return (await decodeMany([{ ids, sample: index }], modality, loaded, options))?.[0];
}

async function decodeRows(
  rows: readonly SampleIds[],
  modality: string,
  tokenizer: Exclude<LoadedTokenizer, { kind: 'encoder' }>,
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
