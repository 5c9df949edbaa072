/** Predictions of several requests, states and modalities in one run without padding. */
import { itemAt, valueAt } from '../../../shared/lookup.ts';
import type { FmManifest } from '../../../shared/model/manifest.ts';
import type { Predicted, PredictRequest } from '../../engine/forward.ts';
import { isGreedy } from '../../engine/sampling.ts';
import { isEmptied, stateKey } from '../../engine/tokenState.ts';
import type { GraphSession, Tensor } from '../../session/types.ts';
import { asDraws, bool, float32, floatsOf, int64, joined, numbersOf } from './feeds.ts';
import { emptyCaches, type Prediction, predictionFeeds, targetFeeds } from './sampling.ts';
import { type KeptContexts, keepContext, packStates } from './states.ts';

/**
 * Decoder outputs seen from a state in which all is emptied: constants of the model, by modality, positions
 * and state. Guidance of a target's first step asks for the same ones again and again.
 */
export type Constants = Map<string, Float32Array>;
const MOST_CONSTANTS = 16;

/** Targets decoded together from one state: they see each other and nobody else. */
interface TargetGroup {
  readonly key: string;
  readonly state: string;
  readonly modality: string;
  readonly positions: readonly number[];
  /** Set where the outputs are constants that are not known yet. */
  readonly constant: boolean;
}

const groupKey = (modality: string, positions: readonly number[], state: string): string =>
  `${modality} ${positions.join()} ${state}`;

export interface PredictRun {
  readonly manifest: FmManifest;
  readonly graph: GraphSession;
  readonly constants: Constants;
  /** Contexts that are known; those of `wanted` are added by the run. */
  readonly contexts: KeptContexts;
  readonly wanted: ReadonlySet<string>;
  readonly signal?: AbortSignal | undefined;
}

/** @param requests whose tokens fit one run */
export async function runPredictions(
  { manifest, graph, constants, contexts, wanted, signal }: PredictRun,
  requests: readonly PredictRequest[],
): Promise<Predicted[]> {
  const { config } = manifest;
  const order = new Map(config.domains_out.map((name, i) => [name, i]));
  const requestAt = (index: number) => itemAt(requests, index, 'requests');
  const placeOfModality = (index: number): number =>
    valueAt(order, requestAt(index).modality, 'domains_out');
  const inOrder = [...requests.keys()].sort((a, b) => placeOfModality(a) - placeOfModality(b));
  const groups = collectGroups(requests, constants);
  const states = requests.flatMap(({ conditions }) =>
    conditions.flatMap(({ state }) =>
      groups.some((group) => group.state === stateKey(state)) ? [state] : [],
    ),
  );
  const packed = packStates(manifest, states, contexts);

  const starts = new Map<string, number>();
  let total = 0;
  for (const group of groups) {
    starts.set(group.key, total);
    total += group.positions.length;
  }
  const kept = new Map<string, number>();
  const keptStates: Float32Array[] = [];
  let keptRows = 0;
  const placeOf = (key: string): number => {
    const own = starts.get(key);
    if (own !== undefined) return own;
    const known = kept.get(key);
    if (known !== undefined) return total + known;
    const rows = valueAt(constants, key, 'constants');
    const place = total + keptRows;
    kept.set(key, keptRows);
    keptStates.push(rows);
    keptRows += rows.length / config.dim;
    return place;
  };
  const predictions = inOrder.flatMap((r) => {
    const { modality, positions, conditions, sampling } = requestAt(r);
    const places = conditions.map(({ state }) =>
      placeOf(groupKey(modality, positions, stateKey(state))),
    );
    return positions.map(
      (_, i): Prediction => ({
        modality,
        sampling,
        parts: conditions.map(({ weight }, c) => ({
          index: itemAt(places, c, 'places of conditions') + i,
          weight,
        })),
      }),
    );
  });
  const draws = asDraws(inOrder.flatMap((r) => [...requestAt(r).draws]));
  const seen = visibility(groups, packed.rowsOf);
  const targetRows = areEqual(groups) ? groups.length : 1;
  const feeds: Record<string, Tensor> = {
    ...packed.feeds,
    ...groupFeeds(manifest, groups),
    ...seen,
    ...emptyCaches(manifest, 'cache', targetRows),
    ...emptyCaches(manifest, 'context_cache', seen.context_index.dims[0] ?? 1),
    past_hidden: bool([targetRows, 0], new Uint8Array()),
    ...predictionFeeds(manifest, predictions),
    ids: int64([1, 0], []),
    start: int64([1], [0]),
    kept_states:
      keptRows > 0 ? joined([keptRows, config.dim], keptStates) : float32([0, config.dim], []),
    iterations: int64([], [1]),
    draws: float32([1, draws.length], draws),
    group: int64([1], [0]),
    stops: int64([draws.length, 1], new Int32Array(draws.length).fill(-1)),
  };
  const keepsConstants = groups.some(({ constant }) => constant);
  const keepsContexts = [...packed.encoded.keys()].some((key) => wanted.has(key));
  const names = [
    'generated',
    'confidence',
    'likelihood',
    ...(keepsConstants ? ['states'] : []),
    ...(keepsContexts ? ['context'] : []),
  ];
  const outputs = await graph.run(feeds, names, { signal });
  if (keepsConstants)
    keepConstants(groups, starts, floatsOf(outputs, 'states'), config.dim, constants);
  if (keepsContexts)
    for (const [key, places] of packed.encoded)
      if (wanted.has(key))
        contexts.set(key, keepContext(floatsOf(outputs, 'context'), places, config.dim));

  const ids = numbersOf(outputs, 'generated');
  const confidence = floatsOf(outputs, 'confidence');
  const likelihood = floatsOf(outputs, 'likelihood');
  const results = new Array<Predicted>(requests.length);
  let offset = 0;
  for (const r of inOrder) {
    const { positions: own, sampling } = requestAt(r);
    const end = offset + own.length;
    const greedy = isGreedy(sampling.temperature);
    results[r] = {
      kind: 'predict',
      ids: ids.slice(offset, end),
      confidence: greedy ? own.map(() => 1) : Array.from(confidence.subarray(offset, end)),
      likelihood: Array.from(likelihood.subarray(offset, end)),
    };
    offset = end;
  }
  return results;
}

function collectGroups(requests: readonly PredictRequest[], constants: Constants): TargetGroup[] {
  const groups = new Map<string, TargetGroup>();
  for (const { modality, positions, chosenBy, conditions } of requests)
    for (const { state } of conditions) {
      const key = groupKey(modality, positions, stateKey(state));
      if (groups.has(key) || constants.has(key)) continue;
      // Positions that one request chose at random are not asked for again.
      const constant = chosenBy === undefined && isEmptied(state);
      groups.set(key, { key, state: stateKey(state), modality, positions, constant });
    }
  // State after state, so that those of one state are together.
  const states = [...new Set([...groups.values()].map(({ state }) => state))];
  return states.flatMap((state) => [...groups.values()].filter((group) => group.state === state));
}

const tokensIn = (groups: readonly TargetGroup[]): number =>
  groups.reduce((sum, { positions }) => sum + positions.length, 0);

const areEqual = (groups: readonly TargetGroup[]): boolean =>
  new Set(groups.map(({ positions }) => positions.length)).size === 1;

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
 * What each target sees of the context and of the other targets. Where all states have as many tokens and
 * targets they are rows of a batch; otherwise one row, in which what is not theirs is hidden.
 */
function visibility(
  groups: readonly TargetGroup[],
  rowsOf: (state: string) => readonly number[],
): Record<'context_index' | 'context_hidden' | 'target_hidden', Tensor> {
  const states = [...new Set(groups.map(({ state }) => state))];
  const targetsOf = (state: string) => tokensIn(groups.filter((group) => group.state === state));
  const [first] = states;
  const isBatch =
    first !== undefined &&
    states.every(
      (state) =>
        rowsOf(state).length === rowsOf(first).length && targetsOf(state) === targetsOf(first),
    );
  const batch = isBatch ? states.map((state) => [state]) : [states];
  const rows = batch.map((members) => members.flatMap((state) => [...rowsOf(state)]));
  const firstRow = rows[0] ?? [];
  const width = firstRow.length;
  const targets = tokensIn(groups) / batch.length;
  const hidden = new Uint8Array(batch.length * targets * width);
  if (!isBatch) {
    hidden.fill(1);
    let target = 0;
    for (const { state, positions } of groups)
      for (let i = 0; i < positions.length; i++, target++) {
        const start = firstRow.indexOf(rowsOf(state)[0] ?? -1);
        hidden.fill(0, target * width + start, target * width + start + rowsOf(state).length);
      }
  }
  return {
    context_index: int64([batch.length, width], rows.flat()),
    context_hidden: bool([batch.length, targets, width], hidden),
    target_hidden: amongGroups(groups),
  };
}

/** Groups of one size are rows of a batch; otherwise all targets are one row. */
function amongGroups(groups: readonly TargetGroup[]): Tensor {
  const [first] = groups;
  if (first && areEqual(groups)) {
    const size = first.positions.length;
    return bool([groups.length, size, size], new Uint8Array(groups.length * size * size));
  }
  const total = tokensIn(groups);
  const hidden = new Uint8Array(total * total).fill(1);
  let start = 0;
  for (const { positions } of groups) {
    const end = start + positions.length;
    for (let i = start; i < end; i++) hidden.fill(0, i * total + start, i * total + end);
    start = end;
  }
  return bool([1, total, total], hidden);
}

function keepConstants(
  groups: readonly TargetGroup[],
  starts: ReadonlyMap<string, number>,
  states: Float32Array,
  dim: number,
  constants: Constants,
): void {
  for (const { key, positions, constant } of groups) {
    if (!constant) continue;
    const start = valueAt(starts, key, 'starts of targets') * dim;
    constants.set(key, states.slice(start, start + positions.length * dim));
    const [oldest] = constants.keys();
    if (constants.size > MOST_CONSTANTS && oldest !== undefined) constants.delete(oldest);
  }
}
