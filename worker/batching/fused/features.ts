/** Encoder features of several states in one run, a row each: all alike, so that nothing is padded. */
import type { FmManifest } from '../../../shared/model/manifest.ts';
import type { TokenState } from '../../engine/tokenState.ts';
import type { GraphSession, Tensor } from '../../session/types.ts';
import { encoderRows } from './encoderRows.ts';
import { floatsOf } from './feeds.ts';
import { noDecoding, SEES_NOTHING } from './noDecoding.ts';
import { encoderFeeds } from './states.ts';

export interface EncodedFeatures {
  /** (tokens, D) of each state: register tokens, then the modalities in the order of `domains_in`. */
  readonly features: readonly Float32Array[];
  readonly milliseconds: number;
}

/** How many tokens a state has of each modality. States that are alike in this share a run. */
export const compositionOf = (state: TokenState, { config }: Pick<FmManifest, 'config'>): string =>
  config.domains_in.map((name) => state.get(name)?.positions.length ?? 0).join();

/** Whether a graph is the one that generates; otherwise it is the encoder alone. */
const generates = ({ signature }: GraphSession): boolean =>
  signature.inputs.some(({ name }) => name === 'segments');

function feedsOf(
  manifest: FmManifest,
  graph: GraphSession,
  states: readonly TokenState[],
  tokens: number,
): Record<string, Tensor> {
  if (generates(graph)) {
    const { feeds } = encoderFeeds(
      manifest,
      states.map((state) => ({ state })),
      tokens,
    );
    return { ...feeds, ...noDecoding(manifest, SEES_NOTHING) };
  }
  return encoderRows(manifest, states);
}

/**
 * @param graph `generate`, or `encoder` where nothing else is loaded
 * @param states all of one composition, see `compositionOf`
 * @param tokens their length, register tokens included; not 0
 */
export async function runFeatures(
  manifest: FmManifest,
  graph: GraphSession,
  states: readonly TokenState[],
  tokens: number,
): Promise<EncodedFeatures> {
  let milliseconds = 0;
  const outputs = await graph.run(feedsOf(manifest, graph, states, tokens), ['features'], {
    onTime: (time) => (milliseconds = time),
  });
  const all = floatsOf(outputs, 'features');
  const size = tokens * manifest.config.dim;
  const features = states.map((_, i) => all.slice(i * size, (i + 1) * size));
  return { features, milliseconds };
}
