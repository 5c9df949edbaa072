/**
 * Encoder features of a list of items, each of any inputs, in shared runs of the model: what its encoder makes of
 * every token (`encoder_norm`), whole or as means. Items that are alike in size share a run, and each has the same
 * bytes as alone.
 */
import type { GenerateRequest } from '../../shared/api/generate.ts';
import { itemAt } from '../../shared/lookup.ts';
import { planInputs } from '../../shared/plan/plan.ts';
import type { LaneOptions } from '../batching/scheduler.ts';
import type { TokenState } from '../engine/tokenState.ts';
import { type Reading, startReading } from './reading.ts';
import type { FeatureModel } from './servedModel.ts';
import { readStage } from './stage.ts';
import { atItem, inWindows } from './windows.ts';

export interface Item {
  /** Modality, by its public or own name -> the value given for it; at least one. */
  readonly inputs: GenerateRequest['inputs'];
  /** Pointer of the item in the caller's request, such as `/items/3`: problems name the fields below it. */
  readonly at: string;
}

/** Tokens of one modality of an item. */
export interface EncodedPart {
  /** Public name, as in the item. */
  readonly name: string;
  /** The model's own name. */
  readonly modality: string;
  /** Index in the grid for pictures, 0, 1, 2 ... for sequences. */
  readonly positions: readonly number[];
  /** (tokens, D), a row for each position. */
  readonly rows: Float32Array;
}

export interface Encoded {
  /** In the order of the model's `domains_in`. */
  readonly parts: readonly EncodedPart[];
  /** D, the model's width. */
  readonly width: number;
}

export interface FeatureOptions {
  readonly signal?: AbortSignal | undefined;
  /** Whose work it is, and how urgent. */
  readonly turn?: LaneOptions | undefined;
  /** Takes the warnings and counts the pixels; one of its own when left out. */
  readonly reading?: Reading;
  /** Called after each item, with the tokens that the encoder read of it. */
  readonly onItem?: (done: number, tokens: number) => void;
}

interface ReadItem {
  readonly state: TokenState;
  /** The model's own name -> the name in the item. */
  readonly names: ReadonlyMap<string, string>;
}

async function readItem(item: Item, model: FeatureModel, reading: Reading): Promise<ReadItem> {
  const planned = await atItem(item.at, () => planInputs(item, model.description));
  const state = await readStage(planned, item, model, reading, item.at);
  return { state, names: new Map(planned.map(({ modality, name }) => [modality, name])) };
}

/** Tokens that are visible in a state. */
export const tokensOf = (state: TokenState): number =>
  [...state.values()].reduce((sum, { positions }) => sum + positions.length, 0);

/** Splits what the encoder gave of a state by modality; register tokens are left out. */
function partsOf(features: Float32Array, { state, names }: ReadItem, model: FeatureModel): Encoded {
  const { config } = model.loaded.fm;
  let at = config.num_register_tokens;
  const parts = config.domains_in.flatMap((modality): EncodedPart[] => {
    const positions = state.get(modality)?.positions ?? [];
    if (positions.length === 0) return [];
    const rows = features.subarray(at * config.dim, (at + positions.length) * config.dim);
    at += positions.length;
    return [{ name: names.get(modality) ?? modality, modality, positions, rows }];
  });
  return { parts, width: config.dim };
}

/**
 * @param items their pictures have `REQUEST_PIXELS` at most together
 * @param take what is kept of an item's features, which may be large
 * @returns what was taken of each item, in their order
 * @throws FailureError with the pointer of every item that does not fit; the signal's reason
 */
export async function featuresOf<T>(
  items: readonly Item[],
  model: FeatureModel,
  { signal, turn, onItem, reading = startReading(signal) }: FeatureOptions,
  take: (encoded: Encoded) => T,
): Promise<T[]> {
  const lane = model.scheduler.join(turn);
  let done = 0;
  const encode = async (read: ReadItem): Promise<T> => {
    const features = itemAt(await lane.features([read.state], signal), 0, 'features');
    onItem?.(++done, tokensOf(read.state));
    return take(partsOf(features, read, model));
  };
  try {
    return await inWindows(items, {
      read: (item) => readItem(item, model, reading),
      run: (window) => Promise.all(window.map(({ read }) => encode(read))),
      signal,
    });
  } finally {
    lane.leave();
  }
}

/** Mean of rows (n, width), (width). */
function meanOf(lists: readonly Float32Array[], width: number): Float32Array {
  const sum = new Float64Array(width);
  let count = 0;
  for (const rows of lists) {
    for (let i = 0; i < rows.length; i++)
      sum[i % width] = itemAt(sum, i % width, 'sums') + itemAt(rows, i, 'features');
    count += rows.length / width;
  }
  return Float32Array.from(sum, (value) => value / Math.max(1, count));
}

/** Mean over all tokens of an item, (D): the pooling of the published backbones. */
export const meanPooled = ({ parts, width }: Encoded): Float32Array =>
  meanOf(
    parts.map(({ rows }) => rows),
    width,
  );

/** Mean over the tokens of each modality of an item, (D), by its name in the item. */
export const meanByModality = ({ parts, width }: Encoded): ReadonlyMap<string, Float32Array> =>
  new Map(parts.map(({ name, rows }) => [name, meanOf([rows], width)]));

/** One vector (D) for each item: the mean of its encoder features over all of its tokens. Errors as `featuresOf`. */
export const itemFeatures = (
  items: readonly Item[],
  model: FeatureModel,
  options: FeatureOptions = {},
): Promise<Float32Array[]> => featuresOf(items, model, options, meanPooled);
