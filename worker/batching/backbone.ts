/**
 * A backbone's graph at work: one state a run. Rows of a shared run would have to be equally long, and a picture
 * alone fills the processor; so a result does not depend on what else is asked.
 */
import { fieldOf } from '../../shared/lookup.ts';
import { contentInput, positionsName } from '../../shared/model/graphNames.ts';
import type { FmVitManifest } from '../../shared/model/manifest.ts';
import type { TokenState } from '../engine/tokenState.ts';
import type { GraphSession, Tensor } from '../session/types.ts';
import { bool, float32, floatsOf, int64 } from './fused/feeds.ts';
import type { Lane, LaneOptions } from './scheduler.ts';
import { type OnStep, tellStep } from './step.ts';
import { NOTHING } from './stepSize.ts';

/** What of a scheduler there is where nothing is generated. */
export interface BackboneScheduler {
  readonly join: (options?: LaneOptions) => Pick<Lane, 'features' | 'leave'>;
  /** Tells of every step from now on, whoever took part. */
  readonly watch?: (onStep: OnStep) => void;
}

export interface BackboneOutput {
  /** Mean over the tokens: (D). */
  readonly pooled: Float32Array;
  /** (classes); undefined where the backbone has no head. */
  readonly logits: Float32Array | undefined;
}

/** Feeds of one state; modalities that it lacks are empty. */
function feedsOf({ config, modalities }: FmVitManifest, state: TokenState): Record<string, Tensor> {
  const feeds: Record<string, Tensor> = {};
  let tokens = 0;
  for (const name of config.domains_in) {
    const input = contentInput(name, fieldOf(modalities, name, 'modalities'));
    const { positions = [], content } = state.get(name) ?? {};
    tokens += positions.length;
    feeds[positionsName(name)] = int64([1, positions.length], positions);
    feeds[input.name] =
      input.kind === 'rows'
        ? float32([1, positions.length, input.width], content?.kind === 'rows' ? content.rows : [])
        : int64([1, positions.length], content?.kind === 'ids' ? content.ids : []);
  }
  return { ...feeds, mask: bool([1, tokens], new Uint8Array(tokens)) };
}

/** @throws SessionError; the signal's reason */
export async function runBackbone(
  manifest: FmVitManifest,
  graph: GraphSession,
  state: TokenState,
  signal?: AbortSignal,
): Promise<BackboneOutput> {
  const hasHead = manifest.config.classes !== null;
  const names = hasHead ? ['pooled', 'logits'] : ['pooled'];
  const outputs = await graph.run(feedsOf(manifest, state), names, { signal });
  return {
    pooled: floatsOf(outputs, 'pooled'),
    logits: hasHead ? floatsOf(outputs, 'logits') : undefined,
  };
}

const tokensOf = (state: TokenState): number =>
  [...state.values()].reduce((sum, { positions }) => sum + positions.length, 0);

/** Features (tokens, D) of states, one after the other, in the order of the calls. */
export function backboneScheduler(manifest: FmVitManifest, graph: GraphSession): BackboneScheduler {
  const watchers = new Set<OnStep>();
  return {
    watch: (onStep) => void watchers.add(onStep),
    join: ({ priority = 'interactive', tenant = '', onStep } = {}) => ({
      async features(states, signal) {
        const since = performance.now();
        const all: Float32Array[] = [];
        for (const state of states) {
          signal?.throwIfAborted();
          const started = performance.now();
          const outputs = await graph.run(feedsOf(manifest, state), ['features'], { signal });
          const size = { ...NOTHING, rows: 1, tokens: tokensOf(state) };
          const step = { kind: 'features', ...size, started, ended: performance.now() } as const;
          tellStep([...watchers, onStep], [{ asker: { priority, tenant }, since }], step);
          all.push(floatsOf(outputs, 'features'));
        }
        return all;
      },
      leave: () => {},
    }),
  };
}
