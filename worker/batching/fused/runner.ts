/**
 * Answers the requests of a round with the fused graph: as few runs as the token budget allows, whichever
 * requests, schemes and guidance they come from.
 */
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
    const indices = (kind: ForwardRequest['kind']) =>
      [...requests.keys()].filter((i) => requests[i]!.kind === kind);
    const writes = indices('write');
    // Sequences of this round look at states that pictures of this round look at as well.
    const wanted = new Set(
      writes.flatMap((i) => requests[i]!.conditions.map(({ state }) => stateKey(state))),
    );
    const contexts: KeptContexts = new Map();
    for (const batch of byTokens(requests, indices('predict'))) {
      const rows = batch.map((i) => requests[i] as PredictRequest);
      const run = { manifest, graph, constants, contexts, wanted, signal };
      signal?.throwIfAborted();
      const answers = await runPredictions(run, rows);
      for (const [i, index] of batch.entries()) results[index] = answers[i]!;
    }
    for (const batch of byGroup(requests, writes)) {
      const rows = batch.map((i) => requests[i] as WriteRequest);
      const answers = await writeInPieces({ manifest, graph, contexts, signal }, rows, pace);
      for (const [i, index] of batch.entries()) results[index] = answers[i]!;
    }
    return results;
  };
}

/** Batches of predictions that fit the budget, in order; states that repeat count once. */
function byTokens(requests: readonly ForwardRequest[], indices: readonly number[]): number[][] {
  const batches: number[][] = [];
  let states = new Set<string>();
  let tokens = 0;
  for (const index of indices) {
    const { conditions, positions } = requests[index] as PredictRequest;
    const cost = conditions.reduce(
      (sum, { state }) =>
        sum + positions.length + (states.has(stateKey(state)) ? 0 : tokensOf(state)),
      0,
    );
    if (batches.length === 0 || tokens + cost > TOKENS_A_RUN) {
      batches.push([]);
      states = new Set();
      tokens = 0;
    }
    batches.at(-1)!.push(index);
    for (const { state } of conditions) states.add(stateKey(state));
    tokens += cost;
  }
  return batches;
}

function byGroup(requests: readonly ForwardRequest[], indices: readonly number[]): number[][] {
  const open = new Map<string, { batch: number[]; rows: number }>();
  const batches: number[][] = [];
  for (const index of indices) {
    const request = requests[index] as WriteRequest;
    const key = writeGroup(request);
    const rows = request.conditions.length;
    let group = open.get(key);
    if (!group || group.rows + rows > ROWS_A_RUN) {
      group = { batch: [], rows: 0 };
      open.set(key, group);
      batches.push(group.batch);
    }
    group.batch.push(index);
    group.rows += rows;
  }
  return batches;
}
