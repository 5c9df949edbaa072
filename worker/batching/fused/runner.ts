/**
 * Answers the requests of a round with the fused graph: as few runs as the token budget allows, whichever
 * requests, schemes and guidance they come from.
 */
import { itemAt } from '../../../shared/lookup.ts';
import type { FmManifest } from '../../../shared/model/manifest.ts';
import type {
  ForwardRequest,
  ForwardResult,
  PredictRequest,
  RunRequests,
  WriteRequest,
} from '../../engine/forward.ts';
import { stateKey } from '../../engine/tokenState.ts';
import type { GraphSession } from '../../session/types.ts';
import { createPace, type Pace, writeInPieces } from './pieces.ts';
import { type Constants, runPredictions } from './predict.ts';
import { type KeptContexts, tokensOf } from './states.ts';
import { writeGroup } from './write.ts';

/** Tokens in one run, seen and predicted: attention over all of them grows with the square. */
const TOKENS_A_RUN = 1600;
/** Sequences written side by side, conditions counted. */
const ROWS_A_RUN = 32;

/**
 * @param manifest the FM's
 * @param graph its `generate`
 * @param pace what is known of the time that tokens of a sequence take
 */
export function fusedRunner(
  manifest: FmManifest,
  graph: GraphSession,
  pace: Pace = createPace(),
): RunRequests {
  const constants: Constants = new Map();
  return async (requests, signal) => {
    const results = new Array<ForwardResult>(requests.length);
    const predictions: Numbered<PredictRequest>[] = [];
    const writings: Numbered<WriteRequest>[] = [];
    for (const [index, request] of requests.entries()) {
      if (request.kind === 'predict') predictions.push({ index, request });
      else writings.push({ index, request });
    }
    // Sequences of this round look at states that pictures of this round look at as well.
    const wanted = new Set(
      writings.flatMap(({ request }) => request.conditions.map(({ state }) => stateKey(state))),
    );
    const contexts: KeptContexts = new Map();
    const answer = (batch: readonly Numbered<ForwardRequest>[], own: readonly ForwardResult[]) => {
      for (const [i, { index }] of batch.entries()) results[index] = itemAt(own, i, 'answers');
    };
    for (const batch of byTokens(predictions)) {
      const run = { manifest, graph, constants, contexts, wanted, signal };
      signal?.throwIfAborted();
      answer(
        batch,
        await runPredictions(
          run,
          batch.map(({ request }) => request),
        ),
      );
    }
    for (const batch of byGroup(writings)) {
      const run = { manifest, graph, contexts, signal };
      answer(
        batch,
        await writeInPieces(
          run,
          batch.map(({ request }) => request),
          pace,
        ),
      );
    }
    return results;
  };
}

/** A request with its place in the round. */
interface Numbered<Request> {
  readonly index: number;
  readonly request: Request;
}

/** Batches of predictions that fit the budget, in order; states that repeat count once. */
function byTokens(requests: readonly Numbered<PredictRequest>[]): Numbered<PredictRequest>[][] {
  const batches: Numbered<PredictRequest>[][] = [];
  let batch: Numbered<PredictRequest>[] | undefined;
  let states = new Set<string>();
  let tokens = 0;
  for (const numbered of requests) {
    const { conditions, positions } = numbered.request;
    const cost = conditions.reduce(
      (sum, { state }) =>
        sum + positions.length + (states.has(stateKey(state)) ? 0 : tokensOf(state)),
      0,
    );
    if (!batch || tokens + cost > TOKENS_A_RUN) {
      batch = [];
      batches.push(batch);
      states = new Set();
      tokens = 0;
    }
    batch.push(numbered);
    for (const { state } of conditions) states.add(stateKey(state));
    tokens += cost;
  }
  return batches;
}

function byGroup(requests: readonly Numbered<WriteRequest>[]): Numbered<WriteRequest>[][] {
  const open = new Map<string, { batch: Numbered<WriteRequest>[]; rows: number }>();
  const batches: Numbered<WriteRequest>[][] = [];
  for (const numbered of requests) {
    const key = writeGroup(numbered.request);
    const rows = numbered.request.conditions.length;
    let group = open.get(key);
    if (!group || group.rows + rows > ROWS_A_RUN) {
      group = { batch: [], rows: 0 };
      open.set(key, group);
      batches.push(group.batch);
    }
    group.batch.push(numbered);
    group.rows += rows;
  }
  return batches;
}
