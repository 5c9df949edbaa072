/**
 * Answers requests the straightforward way: the encoder and the decoder are two graphs, a sequence's
 * whole prefix is computed again for each of its tokens, and tokens are sampled in JavaScript, in double
 * precision. What the faster runners are measured and tested against.
 */
import { fieldOf, itemAt, valueAt } from '../../shared/lookup.ts';
import type {
  DecoderCache,
  ForwardRequest,
  ForwardResult,
  Predicted,
  PredictRequest,
  RunRequests,
  WriteRequest,
  Written,
} from '../engine/forward.ts';
import { inverseCdf, likelihoodOf, type Sampled, sampleToken } from '../engine/sampling.ts';
import { stateKey, type TokenState } from '../engine/tokenState.ts';
import {
  type Context,
  type DecoderRow,
  decodeRows,
  encodeStates,
  type ForwardModel,
} from './plainGraphs.ts';

export type { ForwardModel } from './plainGraphs.ts';

/** Where a token is drawn. */
export interface Place {
  readonly modality: string;
  readonly step: number;
  readonly position: number;
  readonly draw: number;
}

export interface PlainOptions {
  /** Encodes equal states once, and keeps the latest results. The reference encodes at every step. */
  readonly keepContexts?: boolean;
  /** Draws an index from probabilities; by inverse CDF when left out. */
  readonly pick?: (probabilities: Float64Array, place: Place) => number;
}

/** Encoder outputs kept at most; at 196 tokens of width 768 each takes 600 kB. */
const KEPT_CONTEXTS = 32;

/** The encoder's outputs of a sequence, which is encoded once. */
interface PlainCache extends DecoderCache {
  readonly contexts: readonly Context[];
}

type Logits = Float32Array | Float64Array;

/** Sum of weight * logits over the conditions, in double precision. */
function combined(weights: readonly number[], parts: readonly Logits[]): Logits {
  const first = itemAt(parts, 0, 'logits of a request');
  if (parts.length === 1 && weights[0] === 1) return first;
  const sum = new Float64Array(first.length);
  for (const [part, logits] of parts.entries()) {
    const weight = itemAt(weights, part, 'weights of a request');
    for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] ?? 0) + weight * (logits[i] ?? 0);
  }
  return sum;
}

/** Puts a flat list back into one list for each request, of as many as it has conditions. */
function regrouped<T>(requests: readonly ForwardRequest[], flat: readonly T[]): T[][] {
  let next = 0;
  return requests.map(({ conditions }) => {
    next += conditions.length;
    return flat.slice(next - conditions.length, next);
  });
}

const weightsOf = ({ conditions }: ForwardRequest): number[] =>
  conditions.map(({ weight }) => weight);

function encoder(model: ForwardModel, keep: boolean) {
  const kept = new Map<string, Context>();
  return async (states: readonly TokenState[]): Promise<Context[]> => {
    if (!keep) return await encodeStates(model, states);
    const fresh = new Map<string, TokenState>();
    for (const state of states) if (!kept.has(stateKey(state))) fresh.set(stateKey(state), state);
    const encoded = await encodeStates(model, [...fresh.values()]);
    for (const [i, key] of [...fresh.keys()].entries())
      kept.set(key, itemAt(encoded, i, 'contexts'));
    const contexts = states.map((state) => valueAt(kept, stateKey(state), 'contexts'));
    for (const key of kept.keys()) {
      if (kept.size <= KEPT_CONTEXTS) break;
      kept.delete(key);
    }
    return contexts;
  };
}

/** Runs requests on a loaded model, those of one shape together. */
export function plainRunner(model: ForwardModel, options: PlainOptions = {}): RunRequests {
  const encode = encoder(model, options.keepContexts ?? false);

  const sampleAt = (
    logits: Logits,
    { modality, sampling }: ForwardRequest,
    place: Omit<Place, 'modality'>,
  ): Sampled =>
    sampleToken(logits, sampling, place.draw, (probabilities, draw) =>
      options.pick
        ? options.pick(probabilities, { ...place, modality })
        : inverseCdf(probabilities, draw),
    );

  function sampled(request: PredictRequest, logits: Logits): Predicted {
    const { positions, draws, step } = request;
    const size = logits.length / positions.length;
    const rowOf = (i: number) => logits.subarray(i * size, (i + 1) * size);
    const drawn = positions.map((position, i) =>
      sampleAt(rowOf(i), request, { step, position, draw: itemAt(draws, i, 'draws') }),
    );
    let likelihood: number[] | undefined;
    return {
      kind: 'predict',
      ids: drawn.map(({ id }) => id),
      confidence: drawn.map(({ confidence }) => confidence),
      // Not everyone who asks looks at it, and it takes a sum over the vocabulary.
      get likelihood() {
        likelihood ??= drawn.map(({ id }, i) => likelihoodOf(rowOf(i), id));
        return likelihood;
      },
    };
  }

  async function predictAll(requests: readonly PredictRequest[]): Promise<Predicted[]> {
    const contexts = await encode(
      requests.flatMap(({ conditions }) => conditions.map(({ state }) => state)),
    );
    const rows = regrouped(requests, contexts).flatMap((own, i): DecoderRow[] => {
      const { modality, positions } = itemAt(requests, i, 'requests');
      return own.map((context) => ({ context, modality, positions }));
    });
    const logits = regrouped(requests, await decodeRows(model, rows));
    return requests.map((request, i) =>
      sampled(request, combined(weightsOf(request), itemAt(logits, i, 'logits'))),
    );
  }

  async function writeAll(requests: readonly WriteRequest[]): Promise<Written[]> {
    const starting = requests.filter(({ cache }) => !cache);
    const encoded = regrouped(
      starting,
      await encode(starting.flatMap(({ conditions }) => conditions.map(({ state }) => state))),
    );
    const written = requests.map((request) => ({
      request,
      contexts: request.cache
        ? (request.cache as PlainCache).contexts
        : itemAt(encoded, starting.indexOf(request), 'contexts'),
      ids: [] as number[],
      done: request.draws.length === 0,
    }));
    for (;;) {
      const live = written.filter(({ done }) => !done);
      if (live.length === 0) break;
      const rows = live.flatMap(({ request, contexts, ids }): DecoderRow[] => {
        const { modality } = request;
        const { max_length, max_tokens } = fieldOf(model.fm.modalities, modality, 'modalities');
        const bound = max_length ?? max_tokens;
        const all = [...request.ids, ...ids];
        const positions = all.map((_, i) => (i < bound ? i : 0));
        return contexts.map((context) => ({ context, modality, positions, ids: all }));
      });
      const logits = regrouped(
        live.map(({ request }) => request),
        await decodeRows(model, rows),
      );
      for (const [i, sequence] of live.entries()) {
        const { request, ids } = sequence;
        const step = request.ids.length - 1 + ids.length;
        const draw = itemAt(request.draws, ids.length, 'draws');
        const all = combined(weightsOf(request), itemAt(logits, i, 'logits'));
        const { id } = sampleAt(all, request, { step, position: 0, draw });
        ids.push(id);
        sequence.done = ids.length === request.draws.length || request.stops.includes(id);
      }
    }
    return written.map(({ ids, contexts }) => {
      const cache: PlainCache = { kind: 'decoder-cache', contexts };
      return { kind: 'write', ids, cache };
    });
  }

  return async (requests) => {
    const predictions = requests.filter((request) => request.kind === 'predict');
    const writings = requests.filter((request) => request.kind === 'write');
    const predicted = await predictAll(predictions);
    const written = await writeAll(writings);
    return requests.map((request): ForwardResult => {
      return request.kind === 'predict'
        ? itemAt(predicted, predictions.indexOf(request), 'predictions')
        : itemAt(written, writings.indexOf(request), 'writings');
    });
  };
}
