/** Passes of generations that are not run, which what is priced beforehand is held against. */
import { type PassCount, passCounter } from '../../worker/batching/passes.ts';
import type { Forward, ForwardRequest, ForwardResult } from '../../worker/engine/forward.ts';

/** Stands for a token that nobody knows yet; no vocabulary has it. */
const UNKNOWN = -1;

function unknown(request: ForwardRequest): ForwardResult {
  const { draws } = request;
  const ids = draws.map(() => UNKNOWN);
  if (request.kind === 'write') return { kind: 'write', ids, cache: { kind: 'decoder-cache' } };
  return { kind: 'predict', ids, confidence: draws, likelihood: draws };
}

/**
 * Passes of generations that are not run: exact, with every sequence at its full length. Generations
 * are used up by this; they must be others than those that will be run, and tell nobody.
 */
export function countPasses<T>(forwards: readonly Forward<T>[]): PassCount {
  const counter = passCounter();
  let waiting = forwards.map((forward) => ({ forward, state: forward.next() }));
  for (let round = 0; ; round++) {
    waiting = waiting.filter(({ state }) => !state.done);
    if (waiting.length === 0) return counter.passes;
    const requests = waiting.flatMap(({ state }) => (state.done ? [] : [state.value]));
    const results = requests.map(unknown);
    counter.add(round, requests, results);
    waiting = waiting.map(({ forward }, i) => ({ forward, state: forward.next(results[i]!) }));
  }
}
