/**
 * Runs several generations side by side: each one asks, is answered and goes on by itself. What is computed
 * together is up to whoever answers.
 */
import { itemAt } from '../../shared/lookup.ts';
import type { Forward, RunRequests } from '../engine/forward.ts';
import { type PassCount, passCounter } from './passes.ts';

export interface SideBySideOptions {
  /** Receives the passes that the generations ask for, see `passes.ts`. */
  readonly passes?: PassCount;
  /** Its reason is thrown at once. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs all generations to their end.
 * @returns what each one returns, in their order
 * @throws the signal's reason; whatever `run` or a generation throws first
 */
export async function runSideBySide<T>(
  forwards: readonly Forward<T>[],
  run: RunRequests,
  { passes, signal }: SideBySideOptions = {},
): Promise<T[]> {
  const counter = passCounter(passes);
  return await Promise.all(
    forwards.map(async (forward) => {
      let state = forward.next();
      for (let round = 0; !state.done; round++) {
        const requests = [state.value];
        const results = await run(requests, signal);
        counter.add(round, requests, results);
        state = forward.next(itemAt(results, 0, 'the answer to a request'));
      }
      return state.value;
    }),
  );
}
