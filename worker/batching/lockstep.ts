/**
 * Runs several generations side by side, in rounds: in each round every live one has one request, and
 * all of them are answered together.
 */
import { itemAt } from '../../shared/lookup.ts';
import type { Forward, RunRequests } from '../engine/forward.ts';
import { type PassCount, passCounter } from './passes.ts';

export interface LockstepOptions {
  /** Receives the passes that the generations ask for, see `passes.ts`. */
  readonly passes?: PassCount;
  /** Stops within a round, between two runs of the model; its reason is thrown. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs all generations to their end.
 * @returns what each one returns, in their order
 * @throws the signal's reason; whatever the runner or a generation throws
 */
export async function runLockstep<T>(
  forwards: readonly Forward<T>[],
  run: RunRequests,
  { passes, signal }: LockstepOptions = {},
): Promise<T[]> {
  const counter = passCounter(passes);
  const states = forwards.map((forward) => forward.next());
  for (let round = 0; ; round++) {
    const live = [...states.entries()].filter(([, state]) => !state.done);
    const requests = live.flatMap(([, state]) => (state.done ? [] : [state.value]));
    if (requests.length === 0) break;
    signal?.throwIfAborted();
    const results = await run(requests, signal);
    counter.add(round, requests, results);
    for (const [i, [index]] of live.entries()) {
      const result = itemAt(results, i, 'the results of a round');
      states[index] = itemAt(forwards, index, 'the generations').next(result);
    }
  }
  return states.map((state) => state.value as T);
}
