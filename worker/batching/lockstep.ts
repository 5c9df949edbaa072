/**
 * Runs several generations side by side: in each round every live one has one forward request, equal
 * requests are computed once, and encoder outputs are kept for as long as the run lasts. Reuse is
 * correct because a request's key holds everything that decides its result within one API request.
 */
import type { Context, Forward, ForwardRequest, ForwardResult } from '../engine/forward.ts';

export type RunRequests = (
  requests: readonly ForwardRequest[],
) => Promise<readonly ForwardResult[]>;

export interface PassCount {
  encoder: number;
  decoder: number;
}

/** Encoder outputs kept at most; at 196 tokens of width 768 each takes 600 kB. */
const KEPT_CONTEXTS = 32;

const identity = (request: ForwardRequest): string => `${request.kind} ${request.key}`;

function remember(kept: Map<string, Context>, key: string, context: Context): void {
  kept.set(key, context);
  if (kept.size > KEPT_CONTEXTS) kept.delete(kept.keys().next().value!);
}

/**
 * Runs all generations to their end.
 * @param passes counts the forward passes that were computed, one a row
 * @param signal stops between two rounds; its reason is thrown
 */
export async function runLockstep<T>(
  forwards: readonly Forward<T>[],
  run: RunRequests,
  passes: PassCount,
  signal?: AbortSignal,
): Promise<T[]> {
  const kept = new Map<string, Context>();
  const states = forwards.map((forward) => forward.next());
  for (;;) {
    const waiting = states.flatMap((state) => (state.done ? [] : [state.value]));
    if (waiting.length === 0) break;
    signal?.throwIfAborted();
    const fresh = new Map<string, ForwardRequest>();
    for (const request of waiting) {
      const known = request.kind === 'encode' && kept.has(request.key);
      if (!known) fresh.set(identity(request), request);
    }
    const requests = [...fresh.values()];
    const answers = requests.length > 0 ? await run(requests) : [];
    const byIdentity = new Map<string, ForwardResult>();
    for (const [i, request] of requests.entries()) {
      byIdentity.set(identity(request), answers[i]!);
      passes[request.kind === 'encode' ? 'encoder' : 'decoder'] += 1;
    }
    for (const [i, state] of states.entries()) {
      if (state.done) continue;
      const request = state.value;
      const context = request.kind === 'encode' ? kept.get(request.key) : undefined;
      const result: ForwardResult = context
        ? { kind: 'encode', context }
        : byIdentity.get(identity(request))!;
      states[i] = forwards[i]!.next(result);
    }
    for (const answer of answers) {
      if (answer.kind === 'encode') remember(kept, answer.context.key, answer.context);
    }
  }
  return states.map((state) => state.value as T);
}
