/** States side by side, as the fused graph encodes them: all of one length, a row each. */
import { fieldOf, itemAt } from '../../../shared/lookup.ts';
import { cacheType, contentInput, positionsName } from '../../../shared/model/graphNames.ts';
import type { FmManifest } from '../../../shared/model/manifest.ts';
import type { TokenState } from '../../engine/tokenState.ts';
import { widthFor } from '../../session/rows.ts';
import type { KeepRows, RowFeeds, Tensor } from '../../session/types.ts';
import { bool, int64, joined } from './feeds.ts';
import { cacheNamesOf, emptyCaches } from './sampling.ts';

/** A context whose keys and values are kept where graphs run. */
export interface SeenContext {
  /** Its row; none where it has no tokens. */
  readonly row: number;
  /** Register tokens included. */
  readonly tokens: number;
}

/** A state, and its context where an earlier run has encoded it. */
export interface StateInRun {
  readonly state: TokenState;
  /** (tokens, D) */
  readonly context?: Float32Array | undefined;
}

/** Tokens that a state has in the encoder, register tokens included; it may hold targets that are no inputs. */
export const tokensOf = (state: TokenState, { config }: Pick<FmManifest, 'config'>): number =>
  config.domains_in.reduce(
    (sum, name) => sum + (state.get(name)?.positions.length ?? 0),
    config.num_register_tokens,
  );

/** Feeds of the encoder's side of a run in which nothing is encoded. */
export const nothingEncoded = (manifest: FmManifest): Record<string, Tensor> =>
  encoderFeeds(manifest, [], 0).feeds;

/**
 * Feeds of the encoder's side of a run. States whose context is known are not encoded again.
 * @param states all of one length
 * @param tokens their length, register tokens included
 * @returns also where each state's rows begin in the run's context, and the encoded ones in its output
 */
export function encoderFeeds(
  manifest: FmManifest,
  states: readonly StateInRun[],
  tokens: number,
): { readonly feeds: Record<string, Tensor>; readonly starts: ReadonlyMap<StateInRun, number> } {
  const { dim } = manifest.config;
  const fresh = states.filter(({ context }) => !context);
  const known = states.filter(({ context }) => context);
  const { feeds, places } = inputFeeds(
    manifest,
    fresh.map(({ state }) => state),
  );
  if (places.some(({ length }) => length !== tokens))
    throw new Error('states of different lengths cannot share a run');
  const contexts = known.flatMap(({ context }) => context ?? []);
  const starts = new Map([...fresh, ...known].map((state, i) => [state, i * tokens]));
  return {
    feeds: {
      ...feeds,
      order: int64([fresh.length * tokens], places.flat()),
      segments: int64(
        fresh.length * tokens > 0 ? [fresh.length, tokens] : [1, 0],
        places.flatMap((list, segment) => list.map(() => segment)),
      ),
      kept_context: joined([known.length * tokens, dim], contexts),
    },
    starts,
  };
}

/**
 * Inputs of every modality, registers first, each with the tokens of all states.
 * @returns the feeds, and where each state's tokens lie among all of them
 */
function inputFeeds({ config, modalities }: FmManifest, states: readonly TokenState[]) {
  const feeds: Record<string, Tensor> = {};
  const places: number[][] = states.map(() => []);
  let end = 0;
  const place = (state: number, count: number) => {
    const own = itemAt(places, state, 'places of states');
    for (let i = 0; i < count; i++) own.push(end++);
  };
  const registers = config.num_register_tokens;
  if (registers > 0) {
    const ids = states.flatMap(() => Array.from({ length: registers }, (_, i) => i));
    feeds['registers.ids'] = int64([1, ids.length], ids);
    for (const state of states.keys()) place(state, registers);
  }
  for (const name of config.domains_in) {
    const input = contentInput(name, fieldOf(modalities, name, 'modalities'));
    const parts = states.map((state) => state.get(name));
    const positions = parts.flatMap((part) => [...(part?.positions ?? [])]);
    for (const [state, part] of parts.entries()) place(state, part?.positions.length ?? 0);
    feeds[positionsName(name)] = int64([1, positions.length], positions);
    const contents = parts.flatMap((part) => (part ? [part.content] : []));
    if (input.kind === 'rows') {
      const rows = contents.flatMap((part) => (part.kind === 'rows' ? [part.rows] : []));
      feeds[input.name] = joined([1, positions.length, input.width], rows);
    } else {
      const ids = contents.flatMap((part) => (part.kind === 'ids' ? [...part.ids] : []));
      feeds[input.name] = int64([1, ids.length], ids);
    }
  }
  return { feeds, places };
}

const headsOf = ({ config: { num_heads, dim } }: FmManifest): RowFeeds['shape'] => [
  num_heads,
  dim / num_heads,
];

const rowFeeds = (
  manifest: FmManifest,
  side: 'cache' | 'context_cache',
  rows: RowFeeds['rows'],
): RowFeeds => ({
  names: cacheNamesOf(manifest, side),
  type: cacheType(manifest.precision),
  rows,
  shape: headsOf(manifest),
});

/** Keys and values of contexts that are kept, a decoder row each, and what hides the filling behind them. */
export function seenFeeds(manifest: FmManifest, contexts: readonly SeenContext[]) {
  const rows = contexts.map(({ row, tokens }) => ({ id: row, tokens }));
  return {
    rowFeeds: rowFeeds(manifest, 'context_cache', rows),
    hidden: { context_hidden: bool([rows.length, 1, widthFor(rows)], hiddenBehind(rows)) },
  };
}

/** Keys and values of the tokens so far, a decoder row each, and what hides the filling behind them. */
export function pastFeeds(manifest: FmManifest, rows: RowFeeds['rows']) {
  return {
    rowFeeds: rowFeeds(manifest, 'cache', rows),
    feeds: { past_hidden: bool([rows.length, widthFor(rows)], hiddenBehind(rows)) },
  };
}

/** One byte a place, 1 where it lies behind a row's own tokens. */
function hiddenBehind(rows: RowFeeds['rows']): Uint8Array {
  const width = widthFor(rows);
  const hidden = new Uint8Array(rows.length * width);
  for (const [r, { tokens }] of rows.entries()) hidden.fill(1, r * width + tokens, (r + 1) * width);
  return hidden;
}

/** Feeds of targets that look at nothing before them and at no kept keys and values. */
export const noPast = (
  manifest: FmManifest,
  rows: { readonly context: number; readonly targets: number },
): Record<string, Tensor> => ({
  ...emptyCaches(manifest, 'context_cache', rows.context),
  ...emptyCaches(manifest, 'cache', rows.targets),
  past_hidden: bool([rows.targets, 0], new Uint8Array()),
});

/** Keeps keys and values of a run's contexts. */
export const keptContexts = (manifest: FmManifest, rows: KeepRows['rows']): KeepRows => ({
  names: cacheNamesOf(manifest, 'context_next'),
  rows,
});

/** Keeps keys and values of the tokens that a run writes. */
export const keptTokens = (manifest: FmManifest, rows: RowFeeds['rows']): KeepRows => ({
  names: cacheNamesOf(manifest, 'next'),
  rows: rows.map(({ id, tokens }) => ({ id, from: tokens })),
});
