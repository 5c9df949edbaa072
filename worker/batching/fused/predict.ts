/**
 * Predictions of several requests, states and modalities in one run. Groups of targets of one size look at
 * states of one length, a row each: nothing is padded or hidden, so that a row's result does not depend on
 * what else is in the run, to the last bit.
 */
import { itemAt, valueAt } from '../../../shared/lookup.ts';
import type { FmManifest } from '../../../shared/model/manifest.ts';
import type { Predicted, PredictRequest } from '../../engine/forward.ts';
import { isGreedy } from '../../engine/sampling.ts';
import type { GraphSession, Tensor } from '../../session/types.ts';
import { asDraws, bool, float32, floatsOf, int64, joined, numbersOf, ownFeeds } from './feeds.ts';
import { type Prediction, predictionFeeds, targetFeeds } from './sampling.ts';
import { encoderFeeds, noPast, type StateInRun } from './states.ts';

/** Targets decoded together from one state: they see each other and nobody else. */
export interface TargetGroup {
  /** Of state, modality and positions. */
  readonly key: string;
  readonly modality: string;
  readonly positions: readonly number[];
}

/** A state with the groups that look at it. */
export interface StateGroups extends StateInRun {
  /** Whether its context is to be given back. */
  readonly givesContext: boolean;
  readonly groups: readonly TargetGroup[];
}

/** A request all of whose decoder outputs are known, or come out of the run. */
export interface Draw {
  readonly request: PredictRequest;
  /** For each condition the key of its group. */
  readonly groups: readonly string[];
}

export interface PredictBatch {
  /** All of one length, and with equally many groups, all of one size. */
  readonly states: readonly StateGroups[];
  /** Tokens of each state, register tokens included. */
  readonly tokens: number;
  readonly draws: readonly Draw[];
  /** Decoder outputs (m, D) of earlier runs, by group. */
  readonly known: ReadonlyMap<string, Float32Array>;
  /** Whether decoder outputs are to be given back. */
  readonly givesOutputs: boolean;
}

export interface PredictedBatch {
  /** One a draw. */
  readonly predicted: readonly Predicted[];
  /** Decoder outputs (m, D) of the run, by group; empty unless asked for. */
  readonly outputs: ReadonlyMap<string, Float32Array>;
  /** Contexts (tokens, D) that are to be given back. */
  readonly contexts: readonly (Float32Array | undefined)[];
  readonly milliseconds: number;
}

const GREEDY = { temperature: 0, topK: 0, topP: 0 };

export async function runPredictions(
  manifest: FmManifest,
  graph: GraphSession,
  { states, tokens, draws, known, givesOutputs }: PredictBatch,
): Promise<PredictedBatch> {
  const { config } = manifest;
  const order = new Map(config.domains_out.map((name, i) => [name, i]));
  const placeOfModality = ({ request }: Draw): number =>
    valueAt(order, request.modality, 'domains_out');
  const inOrder = [...draws].sort((a, b) => placeOfModality(a) - placeOfModality(b));
  const groups = states.flatMap((state) => state.groups);
  const places = placesOf(groups);
  const size = groups[0]?.positions.length ?? 0;

  const kept = new Map<string, number>();
  const keptStates: Float32Array[] = [];
  const placeOf = (key: string): number => {
    const own = places.get(key);
    if (own !== undefined) return own;
    const before = kept.get(key);
    if (before !== undefined) return before;
    const rows = valueAt(known, key, 'decoder outputs');
    const place =
      groups.length * size + keptStates.reduce((sum, { length }) => sum + length / config.dim, 0);
    kept.set(key, place);
    keptStates.push(rows);
    return place;
  };
  const predictions = inOrder.flatMap(({ request, groups: keys }) => {
    const first = keys.map(placeOf);
    return request.positions.map(
      (_, i): Prediction => ({
        modality: request.modality,
        sampling: request.sampling,
        parts: request.conditions.map(({ weight }, c) => ({
          index: itemAt(first, c, 'places of conditions') + i,
          weight,
        })),
      }),
    );
  });
  // Outputs alone are wanted now and then, but the graph draws one token at least.
  const none: Prediction = { modality: groups[0]?.modality ?? '', sampling: GREEDY, parts: [] };
  const drawn = predictions.length > 0 ? predictions : [none];
  const numbers = asDraws(inOrder.flatMap(({ request }) => [...request.draws]));
  const encoded = encoderFeeds(manifest, states, tokens);
  const starts = states.map((state) => valueAt(encoded.starts, state, 'states of a run'));
  const seen = visibility(states, starts, tokens, size);
  const feeds: Record<string, Tensor> = {
    ...encoded.feeds,
    ...groupFeeds(manifest, groups),
    ...seen.feeds,
    ...noPast(manifest, { context: seen.rows, targets: groups.length }),
    ...predictionFeeds(manifest, drawn),
    ids: int64([1, 0], []),
    start: int64([1], [0]),
    kept_states: joined(
      [keptStates.reduce((sum, { length }) => sum + length / config.dim, 0), config.dim],
      keptStates,
    ),
    iterations: int64([], [1]),
    draws: float32([1, drawn.length], numbers.length > 0 ? numbers : [0]),
    group: int64([1], [0]),
    stops: int64([drawn.length, 1], new Int32Array(drawn.length).fill(-1)),
  };
  let milliseconds = 0;
  const givesContexts = states.some(({ context, givesContext }) => givesContext && !context);
  const outputs = await graph.run(
    feeds,
    [
      'generated',
      'confidence',
      'likelihood',
      ...(givesOutputs ? ['states'] : []),
      ...(givesContexts ? ['context'] : []),
    ],
    { consumed: ownFeeds(feeds), onTime: (time) => (milliseconds = time) },
  );
  const byDraw = new Map<Draw, Predicted>();
  const ids = numbersOf(outputs, 'generated');
  const confidence = floatsOf(outputs, 'confidence');
  const likelihood = floatsOf(outputs, 'likelihood');
  let offset = 0;
  for (const draw of inOrder) {
    const { positions: own, sampling } = draw.request;
    const end = offset + own.length;
    const greedy = isGreedy(sampling.temperature);
    byDraw.set(draw, {
      kind: 'predict',
      ids: ids.slice(offset, end),
      confidence: greedy ? own.map(() => 1) : Array.from(confidence.subarray(offset, end)),
      likelihood: Array.from(likelihood.subarray(offset, end)),
    });
    offset = end;
  }
  return {
    predicted: draws.map((draw) => valueAt(byDraw, draw, 'draws')),
    outputs: givesOutputs
      ? outputsOf(places, floatsOf(outputs, 'states'), size * config.dim, config.dim)
      : new Map(),
    contexts: states.map(({ context, givesContext }, i) => {
      if (!givesContext || context) return context;
      const start = itemAt(starts, i, 'starts of states') * config.dim;
      return floatsOf(outputs, 'context').slice(start, start + tokens * config.dim);
    }),
    milliseconds,
  };
}

/** Where each group's decoder outputs begin in the run. */
function placesOf(groups: readonly TargetGroup[]): Map<string, number> {
  const places = new Map<string, number>();
  let start = 0;
  for (const { key, positions } of groups) {
    places.set(key, start);
    start += positions.length;
  }
  return places;
}

const outputsOf = (
  places: ReadonlyMap<string, number>,
  states: Float32Array,
  length: number,
  dim: number,
): Map<string, Float32Array> =>
  new Map(
    [...places].map(([key, place]) => [key, states.slice(place * dim, place * dim + length)]),
  );

/** Positions by modality, as the graph takes them, and how they become the order of the groups. */
function groupFeeds(manifest: FmManifest, groups: readonly TargetGroup[]): Record<string, Tensor> {
  const positions = new Map<string, readonly number[]>();
  const starts = new Map<TargetGroup, number>();
  let start = 0;
  for (const name of manifest.config.domains_out) {
    const own = groups.filter(({ modality }) => modality === name);
    for (const group of own) {
      starts.set(group, start);
      start += group.positions.length;
    }
    positions.set(
      name,
      own.flatMap((group) => [...group.positions]),
    );
  }
  const order = groups.flatMap((group) => {
    const first = valueAt(starts, group, 'starts of targets');
    return group.positions.map((_, i) => first + i);
  });
  return { ...targetFeeds(manifest, 1, positions), target_order: int64([order.length], order) };
}

/**
 * Every target sees the whole context of its state, and the whole of its group. The targets of a state are
 * one row. Groups of a single target are a row each, since the runtime multiplies a single row by other sums
 * than several.
 */
function visibility(
  states: readonly StateGroups[],
  starts: readonly number[],
  tokens: number,
  size: number,
): { readonly rows: number; readonly feeds: Record<string, Tensor> } {
  const count = states[0]?.groups.length ?? 0;
  const rowsOfState = size === 1 ? count : 1;
  const rows = states.length * rowsOfState;
  const targets = (count * size) / rowsOfState;
  const groups = states.length * count;
  const index = starts.flatMap((start) =>
    Array.from({ length: rowsOfState * tokens }, (_, i) => start + (i % tokens)),
  );
  return {
    rows,
    feeds: {
      context_index: int64([rows, tokens], index),
      context_hidden: bool([rows, targets, tokens], new Uint8Array(rows * targets * tokens)),
      target_hidden: bool([groups, size, size], new Uint8Array(groups * size ** 2)),
    },
  };
}
