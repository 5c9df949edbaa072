/** From a request to what the scheduler holds of it. */
import type { ForwardRequest, PredictRequest, WriteRequest } from '../engine/forward.ts';
import { isEmptied, type TokenState } from '../engine/tokenState.ts';
import { type GraphSession, nextRow } from '../session/types.ts';
import type { Contexts } from './contexts.ts';
import {
  type FeaturesWork,
  groupKey,
  type OpenGroup,
  type PredictWork,
  type SequenceCache,
  type WriteWork,
} from './work.ts';

type Asked = Pick<PredictWork, 'asker' | 'resolve' | 'reject'>;

export interface Knowledge {
  readonly contexts: Contexts;
  readonly runs: { readonly constant: (key: string) => Float32Array | undefined };
}

/** Enough for any run. */
const UNLIMITED = Number.POSITIVE_INFINITY;

export function createWork(
  request: ForwardRequest,
  asked: Asked,
  knowledge: Knowledge,
): PredictWork | WriteWork {
  return request.kind === 'predict'
    ? createPrediction(request, asked, knowledge)
    : createWriting(request, asked, knowledge);
}

export const createFeatures = (
  state: TokenState,
  asked: Pick<FeaturesWork, 'asker' | 'resolve' | 'reject'>,
): FeaturesWork => ({
  kind: 'features',
  state,
  since: performance.now(),
  most: UNLIMITED,
  ...asked,
});

function createPrediction(
  request: PredictRequest,
  asked: Asked,
  { contexts, runs }: Knowledge,
): PredictWork {
  const { modality, positions, conditions, chosenBy } = request;
  const open = new Map<string, OpenGroup>();
  const outputs = new Map<string, Float32Array>();
  const keys = conditions.map(({ state }) => {
    contexts.hold(state);
    const key = groupKey(modality, positions, state);
    const known = runs.constant(key);
    // Positions that one request chose at random are not asked for again.
    const isConstant = chosenBy === undefined && isEmptied(state);
    if (known) outputs.set(key, known);
    else open.set(key, { key, modality, positions, state, isConstant });
    return key;
  });
  // What is all known needs a run nevertheless, to be drawn from: one group is decoded again.
  const [first] = conditions;
  const [key] = keys;
  if (open.size === 0 && first && key !== undefined) {
    outputs.delete(key);
    open.set(key, { key, modality, positions, state: first.state, isConstant: true });
  }
  const since = performance.now();
  return { kind: 'predict', request, keys, open, outputs, since, most: UNLIMITED, ...asked };
}

function createWriting(request: WriteRequest, asked: Asked, { contexts }: Knowledge): WriteWork {
  const since = performance.now();
  const given = request.cache as SequenceCache | undefined;
  if (!given && request.ids.length !== 1)
    throw new Error('a sequence without a cache begins with its first token alone');
  const states = request.conditions.map(({ state }) => state);
  const sequence = given ?? {
    kind: 'decoder-cache',
    states,
    rows: states.map(nextRow),
    begun: since,
    tokens: 0,
  };
  if (!given) for (const state of states) contexts.hold(state);
  return { kind: 'write', request, sequence, written: [], since, most: UNLIMITED, ...asked };
}

/** Frees what is kept of a sequence. */
export function endSequence(
  { rows, states }: SequenceCache,
  graph: GraphSession,
  contexts: Contexts,
): void {
  graph.forgetRows?.(rows);
  for (const state of states) contexts.release(state);
}
