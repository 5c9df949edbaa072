/** Guidance and sampling settings of predictions, as the fused graph takes them. */
import { fieldOf, valueAt } from '../../../shared/lookup.ts';
import {
  cacheNames,
  cacheType,
  targetName,
  vocabularyOf,
} from '../../../shared/model/graphNames.ts';
import type { FmManifest } from '../../../shared/model/manifest.ts';
import { sequencesOf } from '../../../shared/model/writeSignature.ts';
import { NO_FILTERS } from '../../../shared/plan/filters.ts';
import type { SamplingSettings } from '../../engine/forward.ts';
import { isGreedy } from '../../engine/sampling.ts';
import type { Tensor } from '../../session/types.ts';
import { bool, float32, int64 } from './feeds.ts';

export interface Prediction {
  readonly modality: string;
  readonly sampling: SamplingSettings;
  /** Decoder outputs by their index in the run, and how much each counts. */
  readonly parts: readonly { readonly index: number; readonly weight: number }[];
}

/**
 * Logits are filled up to a multiple of this, by one at least, so that a row is drawn from alike whatever other
 * vocabularies share the run. The runtime sums a row in another order where it does not begin at a multiple of
 * 16 bytes, and rows are summed in blocks of 128 logits: four of them make a step.
 */
const VOCABULARY_STEP = 512;

/** The likeliest token is kept by every filter: to look for what others are taken away is in vain. */
const effective = (prediction: Prediction): Prediction =>
  isGreedy(prediction.sampling.temperature)
    ? { ...prediction, sampling: { ...prediction.sampling, ...NO_FILTERS } }
    : prediction;

/**
 * @param given by modality, in the order of `targets`
 * @param targets modalities that the graph has heads of
 */
export function predictionFeeds(
  { config, modalities }: FmManifest,
  given: readonly Prediction[],
  targets: readonly string[] = config.domains_out,
): Record<string, Tensor> {
  const predictions = given.map(effective);
  const count = predictions.length;
  const most = Math.max(1, ...predictions.map(({ parts }) => parts.length));
  const index = new Int32Array(count * most);
  const weight = new Float32Array(count * most);
  const counts = new Map(targets.map((name) => [name, 0]));
  const topK = predictions.map(({ modality, sampling, parts }, p) => {
    counts.set(modality, valueAt(counts, modality, 'targets') + 1);
    for (const [c, part] of parts.entries()) {
      index[p * most + c] = part.index;
      weight[p * most + c] = part.weight;
    }
    return topKOf(sampling.topK, vocabularyOf(modality, modalities));
  });
  const largest = Math.max(
    ...predictions.map(({ modality }) => vocabularyOf(modality, modalities)),
  );
  const vocabulary = (Math.floor(largest / VOCABULARY_STEP) + 1) * VOCABULARY_STEP;
  const settings = (key: 'temperature' | 'topP') =>
    float32(
      [count],
      predictions.map(({ sampling }) => sampling[key]),
    );
  return {
    combine_index: int64([count, most], index),
    combine_weight: float32([count, most], weight),
    head_counts: int64([targets.length], [...counts.values()]),
    vocabulary: bool([0, vocabulary], new Uint8Array()),
    temperature: settings('temperature'),
    top_k: int64([count], topK),
    top_k_most: int64([1], [Math.max(...topK)]),
    top_p: settings('topP'),
  };
}

/** Tokens that are left: a fraction is of the vocabulary. 0 is off. */
function topKOf(topK: number, vocabulary: number): number {
  if (topK <= 0) return 0;
  const wanted = topK < 1 ? Math.floor(topK * vocabulary) : Math.floor(topK);
  return Math.min(Math.max(wanted, 1), vocabulary);
}

/** Positions or selections of every target modality; those not named here are empty. */
export function targetFeeds(
  { config, modalities }: FmManifest,
  rows: number,
  given: ReadonlyMap<string, readonly number[]>,
  sequence?: string,
): Record<string, Tensor> {
  return Object.fromEntries(
    config.domains_out.map((name): [string, Tensor] => {
      const info = fieldOf(modalities, name, 'modalities');
      const input = targetName(name, info);
      if (info.type === 'seq') return [input, int64([1], [name === sequence ? 1 : 0])];
      const positions = given.get(name) ?? [];
      return [input, int64([rows, positions.length], positions)];
    }),
  );
}

/** Which sequence is written. */
export const sequenceFeeds = (
  { config, modalities }: FmManifest,
  written: string,
): Record<string, Tensor> =>
  Object.fromEntries(
    sequencesOf(config, modalities).map((name): [string, Tensor] => [
      targetName(name, fieldOf(modalities, name, 'modalities')),
      int64([1], [name === written ? 1 : 0]),
    ]),
  );

/** Names of all keys and values on one side of a run. */
export const cacheNamesOf = (
  { config }: FmManifest,
  side: Parameters<typeof cacheNames>[0],
): string[] => cacheNames(side, config.decoder_depth).flatMap(({ key, value }) => [key, value]);

/** Keys and values of no tokens: `cache` of those before a run, `context_cache` of the context. */
export function emptyCaches(
  manifest: FmManifest,
  side: 'cache' | 'context_cache',
  rows: number,
): Record<string, Tensor> {
  const { num_heads: heads, dim } = manifest.config;
  const dims = [rows, heads, 0, dim / heads];
  const empty: Tensor =
    cacheType(manifest.precision) === 'float16'
      ? { type: 'float16', dims, data: new Uint16Array() }
      : float32(dims, []);
  return Object.fromEntries(cacheNamesOf(manifest, side).map((name) => [name, empty]));
}
