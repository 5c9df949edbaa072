/** Keys and values of states for the sequences that will look at them: they are kept where graphs run. */
import type { FmManifest } from '../../../shared/model/manifest.ts';
import type { GraphSession } from '../../session/types.ts';
import { bool, float32, floatsOf, int64 } from './feeds.ts';
import { predictionFeeds, targetFeeds } from './sampling.ts';
import { encoderFeeds, keptContexts, noPast, type StateInRun } from './states.ts';

/** A state, and the row that its keys and values are kept as. */
export interface StateToKeep extends StateInRun {
  readonly row: number;
  /** Whether its context is to be given back. */
  readonly givesContext: boolean;
}

/**
 * @param states all of one length
 * @param tokens their length, register tokens included; not 0
 * @returns the contexts (tokens, D) that are to be given back
 */
export async function runEncoder(
  manifest: FmManifest,
  graph: GraphSession,
  states: readonly StateToKeep[],
  tokens: number,
): Promise<readonly (Float32Array | undefined)[]> {
  const rows = states.length;
  const { domains_out, dim } = manifest.config;
  const { feeds, starts } = encoderFeeds(manifest, states, tokens);
  const index = states.flatMap((state) => {
    const start = starts.get(state) ?? 0;
    return Array.from({ length: tokens }, (_, i) => start + i);
  });
  const nothing = {
    modality: domains_out[0] ?? '',
    sampling: { temperature: 0, topK: 0, topP: 0 },
    parts: [],
  };
  const all = {
    ...feeds,
    // The decoder's loop is not entered: its inputs only have to fit together.
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
  const kept = states.map(({ row }) => ({ id: row, from: 0 }));
  const gives = states.some(({ givesContext, context }) => givesContext && !context);
  const outputs = await graph.run(all, gives ? ['context'] : [], {
    keepRows: [keptContexts(manifest, kept)],
  });
  return states.map((state) => {
    if (!state.givesContext || state.context) return state.context;
    const start = (starts.get(state) ?? 0) * dim;
    return floatsOf(outputs, 'context').slice(start, start + tokens * dim);
  });
}
