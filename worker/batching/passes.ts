/**
 * Forward passes that a request costs, counted from what its generations ask: the encoder once for each
 * different state, the decoder once for each pair of a state and what is predicted from it.
 *
 * States count as different unless they are bound to be equal, whatever tokens come out: so the count is
 * known before anything runs, up to where sequences end.
 */
import { itemAt } from '../../shared/lookup.ts';
import type { ForwardRequest, ForwardResult } from '../engine/forward.ts';
import { stateOrigin } from '../engine/tokenState.ts';

export interface PassCount {
  encoder: number;
  decoder: number;
}

export interface PassCounter {
  readonly passes: PassCount;
  /**
   * Counts answered requests of a round: the first ones of all generations are round 0, their second ones
   * round 1, whenever each is answered.
   */
  readonly add: (
    round: number,
    requests: readonly ForwardRequest[],
    results: readonly ForwardResult[],
  ) => void;
}

/** Counts into `passes`. One counter serves the generations of one request. */
export function passCounter(passes: PassCount = { encoder: 0, decoder: 0 }): PassCounter {
  const encoded = new Set<string>();
  const predicted = new Set<string>();
  return {
    passes,
    add(round, requests, results) {
      for (const [i, request] of requests.entries()) {
        const states = request.conditions.map(({ state }) => stateOrigin(state));
        for (const state of states) encoded.add(state);
        if (request.kind === 'predict') {
          const target = `${round}:${request.modality}:${request.chosenBy ?? ''}`;
          const before = predicted.size;
          for (const state of states) predicted.add(`${target}|${state}`);
          passes.decoder += predicted.size - before;
        } else {
          // Sequences part after their first token: each one counts for itself, token by token.
          passes.decoder += states.length * itemAt(results, i, 'results').ids.length;
        }
      }
      passes.encoder = encoded.size;
    },
  };
}
