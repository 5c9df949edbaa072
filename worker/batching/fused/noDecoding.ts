/** Feeds of the decoder's side of a run that encodes alone. */
import type { FmManifest } from '../../../shared/model/manifest.ts';
import type { Tensor } from '../../session/types.ts';
import { bool, float32, int64 } from './feeds.ts';
import { predictionFeeds, targetFeeds } from './sampling.ts';
import { noPast } from './states.ts';

/** The context rows whose keys and values are computed: `rows` of `tokens` each. */
export interface SeenRows {
  readonly rows: number;
  readonly tokens: number;
  readonly index: readonly number[];
}

/** None: a decoder row that sees nothing stands for all. */
export const SEES_NOTHING: SeenRows = { rows: 1, tokens: 0, index: [] };

/** The decoder's loop is not entered: its inputs only have to fit together. */
export function noDecoding(
  manifest: FmManifest,
  { rows, tokens, index }: SeenRows,
): Record<string, Tensor> {
  const { domains_out, dim } = manifest.config;
  const nothing = {
    modality: domains_out[0] ?? '',
    sampling: { temperature: 0, topK: 0, topP: 0 },
    parts: [],
  };
  return {
    ...targetFeeds(manifest, 1, new Map()),
    ...noPast(manifest, { context: rows, targets: 1 }),
    ...predictionFeeds(manifest, [nothing]),
    ids: int64([1, 0], []),
    start: int64([1], [0]),
    target_order: int64([0], []),
    context_index: int64([rows, tokens], index),
    context_hidden: bool([rows, 0, tokens], new Uint8Array()),
    target_hidden: bool([1, 0, 0], new Uint8Array()),
    kept_states: float32([0, dim], []),
    iterations: int64([], [0]),
    draws: float32([0, 1], []),
    group: int64([1], [0]),
    stops: int64([1, 1], [-1]),
  };
}
