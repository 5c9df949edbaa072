/** Sequences of one modality and one length so far, written side by side inside the graph. */
import { itemAt, present } from '../../../shared/lookup.ts';
import type { FmManifest } from '../../../shared/model/manifest.ts';
import type { WriteRequest, Written } from '../../engine/forward.ts';
import { stateKey } from '../../engine/tokenState.ts';
import type { GraphSession, Tensor } from '../../session/types.ts';
import { asDraws, bool, float32, int64, numbersOf } from './feeds.ts';
import {
  cacheNamesOf,
  emptyCaches,
  type Prediction,
  predictionFeeds,
  targetFeeds,
} from './sampling.ts';
import { type KeptContexts, packStates } from './states.ts';
import {
  contextFeeds,
  pastFeeds,
  type RunCache,
  rowsOfCaches,
  tensorsGiven,
} from './writeCaches.ts';

export interface WriteRun {
  readonly manifest: FmManifest;
  readonly graph: GraphSession;
  readonly contexts: KeptContexts;
  readonly signal?: AbortSignal | undefined;
  /** Told of the time of each run. */
  readonly onTime?: (milliseconds: number) => void;
}

/** Requests that can be written together share this. */
export const writeGroup = ({ modality, ids, draws, cache, isLast }: WriteRequest): string =>
  [modality, ids.length, draws.length, cache !== undefined, isLast].join(' ');

/** @param requests of one `writeGroup` */
export async function runWritings(
  { manifest, graph, contexts, signal, onTime }: WriteRun,
  requests: readonly WriteRequest[],
): Promise<Written[]> {
  const { config } = manifest;
  const first = itemAt(requests, 0, 'requests of a group');
  const { modality, isLast } = first;
  const steps = first.draws.length;
  const isNew = first.cache === undefined;
  const conditions = requests.flatMap(({ conditions: own, ids }, r) => {
    const lastId = present(ids.at(-1), `the last id of ${modality}`);
    return own.map(({ state, weight }) => ({ r, state, weight, lastId, place: ids.length - 1 }));
  });
  const packed = packStates(manifest, isNew ? conditions.map(({ state }) => state) : [], contexts);
  const rows = conditions.length;
  const visible = isNew ? conditions.map(({ state }) => packed.rowsOf(stateKey(state))) : [];
  const context = isNew
    ? visibleContexts(manifest, visible, packed.rows)
    : contextFeeds(rowsOfCaches(requests, 'context'));
  const predictions = requests.map(
    ({ sampling }, r): Prediction => ({
      modality,
      sampling,
      parts: conditions.flatMap((condition, row) =>
        condition.r === r ? [{ index: row, weight: condition.weight }] : [],
      ),
    }),
  );
  const mostStops = Math.max(1, ...requests.map(({ stops }) => stops.length));
  const stops = requests.flatMap((request) =>
    Array.from({ length: mostStops }, (_, i) => request.stops[i] ?? -1),
  );
  const draws = Array.from({ length: steps }, (_, step) =>
    requests.map((request) => itemAt(request.draws, step, 'draws')),
  ).flat();
  const feeds: Record<string, Tensor> = {
    ...packed.feeds,
    ...targetFeeds(manifest, rows, new Map(), modality),
    ...(isNew ? noPast(manifest, rows) : pastFeeds(rowsOfCaches(requests, 'past'))),
    ...predictionFeeds(manifest, predictions),
    target_order: int64(
      [rows],
      conditions.map((_, row) => row),
    ),
    ids: int64(
      [rows, 1],
      conditions.map(({ lastId }) => lastId),
    ),
    start: int64(
      [rows],
      conditions.map(({ place }) => place),
    ),
    ...context,
    target_hidden: bool([rows, 1, 1], new Uint8Array(rows)),
    kept_states: float32([0, config.dim], []),
    iterations: int64([], [steps]),
    draws: float32([steps, requests.length], asDraws(draws)),
    group: int64(
      [rows],
      conditions.map(({ r }) => r),
    ),
    stops: int64([requests.length, mostStops], stops),
  };
  const keeps = !isLast;
  const wanted = [
    'generated',
    ...(keeps ? cacheNamesOf(manifest, 'next') : []),
    ...(keeps && isNew ? cacheNamesOf(manifest, 'context_next') : []),
  ];
  const outputs = await graph.run(feeds, wanted, {
    consumed: isNew ? [] : cacheNamesOf(manifest, 'cache'),
    signal,
    ...(onTime && { onTime }),
  });
  const ids = numbersOf(outputs, 'generated');
  const past = keeps ? tensorsGiven(manifest, outputs, ['next', 'cache']) : {};
  const seen =
    keeps && isNew ? tensorsGiven(manifest, outputs, ['context_next', 'context_cache']) : {};
  const isShared = context.context_index?.dims[0] === 1;
  let row = 0;
  return requests.map((request, r) => {
    const own = request.conditions.map(() => row++);
    const cache: RunCache = {
      kind: 'decoder-cache',
      past: own.map((place) => ({
        tensors: past,
        row: place,
        length: request.ids.length - 1 + steps,
      })),
      context:
        (request.cache as RunCache | undefined)?.context ??
        own.map((place) => ({
          tensors: seen,
          row: isShared ? 0 : place,
          length: itemAt(visible, place, 'contexts of rows').length,
        })),
    };
    const all = ids.filter((_, i) => i % requests.length === r);
    const end = all.findIndex((id) => request.stops.includes(id));
    return { kind: 'write', ids: end < 0 ? all : all.slice(0, end + 1), cache };
  });
}

/** Feeds of sequences that begin. */
const noPast = (manifest: FmManifest, rows: number): Record<string, Tensor> => ({
  ...emptyCaches(manifest, 'cache', rows),
  past_hidden: bool([rows, 0], new Uint8Array()),
});

/** What each sequence sees of the context; where all see the same, they are targets of one row. */
function visibleContexts(
  manifest: FmManifest,
  seen: readonly (readonly number[])[],
  contextRows: number,
): Record<string, Tensor> {
  const rows = seen.length;
  const [first] = seen;
  if (first && seen.every((list) => list === first)) {
    const width = first.length;
    return {
      ...emptyCaches(manifest, 'context_cache', 1),
      context_index: int64([1, width], first),
      context_hidden: bool([1, rows, width], new Uint8Array(rows * width)),
    };
  }
  const width = Math.max(...seen.map((list) => list.length));
  const index = new Int32Array(rows * width).fill(contextRows);
  const hidden = new Uint8Array(rows * width).fill(1);
  for (const [row, visible] of seen.entries())
    for (const [i, place] of visible.entries()) {
      index[row * width + i] = place;
      hidden[row * width + i] = 0;
    }
  return {
    ...emptyCaches(manifest, 'context_cache', rows),
    context_index: int64([rows, width], index),
    context_hidden: bool([rows, 1, width], hidden),
  };
}
