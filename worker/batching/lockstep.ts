/**
 * Runs several generations side by side, in rounds: in each round every live one has one request, and
 * all of them are answered together.
 */
import type { Forward, RunRequests } from '../engine/forward.ts';
import { type PassCount, passCounter } from './passes.ts';

export interface LockstepOptions {
  /** Receives the passes that the generations ask for, see `passes.ts`. */
  readonly passes?: PassCount;
  /** Stops between two rounds; its reason is thrown. */
  readonly signal?: AbortSignal | undefined;
  /** Time by `performance.now()` after which no round begins. */
  readonly deadline?: number | undefined;
}

/** The deadline passed between two rounds. */
export class DeadlineError extends Error {
  override readonly name = 'DeadlineError';
}

/**
 * Runs all generations to their end.
 * @returns what each one returns, in their order
 * @throws DeadlineError; the signal's reason; whatever the runner or a generation throws
 */
export async function runLockstep<T>(
  forwards: readonly Forward<T>[],
  run: RunRequests,
  { passes, signal, deadline }: LockstepOptions = {},
): Promise<T[]> {
  const counter = passCounter(passes);
  const states = forwards.map((forward) => forward.next());
  for (;;) {
    const live = [...states.entries()].filter(([, state]) => !state.done);
    const requests = live.flatMap(([, state]) => (state.done ? [] : [state.value]));
    if (requests.length === 0) break;
    signal?.throwIfAborted();
    if (deadline !== undefined && performance.now() >= deadline) {
      throw new DeadlineError('the deadline passed before the generation was done');
    }
    const results = await run(requests);
    counter.add(requests, results);
    for (const [i, [index]] of live.entries()) states[index] = forwards[index]!.next(results[i]!);
  }
  return states.map((state) => state.value as T);
}
