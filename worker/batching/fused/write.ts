/** Sequences of one modality and one length so far, written side by side inside the graph. */
import { fieldOf, itemAt, present, valueAt } from '../../../shared/lookup.ts';
import { cacheNames } from '../../../shared/model/graphNames.ts';
import type { FmManifest } from '../../../shared/model/manifest.ts';
import type { DecoderCache, WriteRequest, Written } from '../../engine/forward.ts';
import { stateKey } from '../../engine/tokenState.ts';
import type { GraphSession, Tensor } from '../../session/types.ts';
import { asDraws, bool, float32, floatsOf, gatherRows, int64, numbersOf } from './feeds.ts';
import { emptyCaches, type Prediction, predictionFeeds, targetFeeds } from './sampling.ts';
import { type KeptContext, type KeptContexts, keepContext, packStates } from './states.ts';

/** Keys and values of the tokens so far, of every decoder row of a run, and what the rows see. */
interface RunCache extends DecoderCache {
  /** `cache.L.key` and `.value` -> (B, H, l, hd); shared by the sequences that were written together. */
  readonly tensors: Readonly<Record<string, Tensor>>;
  /** Decoder rows of this sequence, one a condition. */
  readonly rows: readonly number[];
  readonly contexts: readonly KeptContext[];
}

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
  const { modality, cache: firstCache, isLast } = first;
  const steps = first.draws.length;
  const known: KeptContexts = new Map(contexts);
  for (const request of requests)
    for (const [i, { state }] of request.conditions.entries()) {
      const kept = cacheOf(request)?.contexts[i];
      if (kept) known.set(stateKey(state), kept);
    }
  const conditions = requests.flatMap(({ conditions: own, ids }, r) => {
    const lastId = present(ids.at(-1), `the last id of ${modality}`);
    return own.map(({ state, weight }) => ({ r, state, weight, lastId }));
  });
  const packed = packStates(
    manifest,
    conditions.map(({ state }) => state),
    known,
  );
  const rows = conditions.length;
  const seen = visibleContexts(
    conditions.map(({ state }) => packed.rowsOf(stateKey(state))),
    packed.rows,
  );
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
    ...(firstCache ? gatherCaches(requests) : emptyCaches(manifest, rows)),
    ...predictionFeeds(manifest, predictions),
    target_order: int64(
      [rows],
      conditions.map((_, row) => row),
    ),
    ids: int64(
      [rows, 1],
      conditions.map(({ lastId }) => lastId),
    ),
    start: int64([1], [first.ids.length - 1]),
    ...seen,
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
  const namesOf = (side: 'cache' | 'next'): string[] =>
    cacheNames(side, config.decoder_depth).flatMap(({ key, value }) => [key, value]);
  const [caches, nextCaches] = [namesOf('cache'), namesOf('next')];
  const isNew = packed.encoded.size > 0;
  const keeps = !isLast;
  const wanted = [
    'generated',
    ...(keeps ? nextCaches : []),
    ...(keeps && isNew ? ['context'] : []),
  ];
  const outputs = await graph.run(feeds, wanted, {
    consumed: firstCache ? caches : [],
    signal,
    ...(onTime && { onTime }),
  });
  if (keeps && isNew)
    for (const [key, places] of packed.encoded)
      known.set(key, keepContext(floatsOf(outputs, 'context'), places, config.dim));
  const ids = numbersOf(outputs, 'generated');
  const keptTensors = keeps ? nextCaches.map((name) => fieldOf(outputs, name, 'outputs')) : [];
  const tensors = Object.fromEntries(
    keptTensors.map((tensor, i) => [itemAt(caches, i, 'names of caches'), tensor]),
  );
  let row = 0;
  return requests.map((request, r) => {
    const own = request.conditions.map(() => row++);
    const cache: RunCache = {
      kind: 'decoder-cache',
      tensors,
      rows: own,
      contexts: keeps
        ? request.conditions.map(({ state }) => valueAt(known, stateKey(state), 'contexts'))
        : [],
    };
    const all = ids.filter((_, i) => i % requests.length === r);
    const end = all.findIndex((id) => request.stops.includes(id));
    return { kind: 'write', ids: end < 0 ? all : all.slice(0, end + 1), cache };
  });
}

/** What each sequence sees of the context; where all see the same, they are targets of one row. */
function visibleContexts(
  seen: readonly (readonly number[])[],
  contextRows: number,
): Record<string, Tensor> {
  const rows = seen.length;
  const [first] = seen;
  if (first && seen.every((list) => list === first)) {
    const width = first.length;
    return {
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
    context_index: int64([rows, width], index),
    context_hidden: bool([rows, 1, width], hidden),
  };
}

const cacheOf = (request: WriteRequest): RunCache | undefined =>
  request.cache as RunCache | undefined;

/** The caches of all requests as rows of one batch; unchanged batches are passed on as they are. */
function gatherCaches(requests: readonly WriteRequest[]): Record<string, Tensor> {
  const parts = requests.flatMap((request) => {
    const { tensors, rows } = present(cacheOf(request), 'the cache of a sequence that goes on');
    return rows.map((row) => ({ tensors, row }));
  });
  const first = itemAt(parts, 0, 'rows of caches').tensors;
  return Object.fromEntries(
    Object.entries(first).map(([name, tensor]): [string, Tensor] => {
      const same =
        tensor.dims[0] === parts.length &&
        parts.every((part, i) => part.tensors === first && part.row === i);
      if (same) return [name, tensor];
      const rows = parts.map(({ tensors, row }) => ({
        tensor: fieldOf(tensors, name, 'caches'),
        row,
      }));
      return [name, gatherRows(rows)];
    }),
  );
}
