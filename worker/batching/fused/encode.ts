/** Keys and values of states for the sequences that will look at them: they are kept where graphs run. */
import type { FmManifest } from '../../../shared/model/manifest.ts';
import type { GraphSession } from '../../session/types.ts';
import { floatsOf } from './feeds.ts';
import { noDecoding } from './noDecoding.ts';
import { encoderFeeds, keptContexts, type StateInRun } from './states.ts';

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
  const { dim } = manifest.config;
  const { feeds, starts } = encoderFeeds(manifest, states, tokens);
  const index = states.flatMap((state) => {
    const start = starts.get(state) ?? 0;
    return Array.from({ length: tokens }, (_, i) => start + i);
  });
  const all = { ...feeds, ...noDecoding(manifest, { rows: states.length, tokens, index }) };
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
