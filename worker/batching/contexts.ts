/**
 * Contexts that are kept for as long as anybody needs them, so that no state is encoded twice. What the encoder gave of
 * a state that is asked for again and again is kept beyond that, within bounds; its keys and values, which are many times
 * as large, are not.
 */
import type { FmManifest } from '../../shared/model/manifest.ts';
import { stateKey, type TokenState } from '../engine/tokenState.ts';
import type { GraphSession } from '../session/types.ts';
import { type SeenContext, tokensOf } from './fused/states.ts';
import { createGivenAgain } from './givenAgain.ts';

export interface Contexts {
  /** Says that somebody needs the context of a state, until it is released as often. */
  readonly hold: (state: TokenState) => void;
  readonly release: (state: TokenState) => void;
  /** How many need it. */
  readonly holders: (state: TokenState) => number;
  /** What the encoder gave of a state, (tokens, D), if it is known. */
  readonly encoded: (state: TokenState) => Float32Array | undefined;
  /** Whether what the encoder gives of a state is kept when nobody needs it any more. */
  readonly isFamiliar: (state: TokenState) => boolean;
  readonly keepEncoded: (state: TokenState, context: Float32Array) => void;
  /** The keys and values of a state, if they are kept. One without tokens has none. */
  readonly seen: (state: TokenState) => SeenContext | undefined;
  readonly keepSeen: (state: TokenState, row: number) => void;
}

interface Held {
  holders: number;
  encoded: Float32Array | undefined;
  seen: SeenContext | undefined;
}

/** Stands for the row of a context without tokens, which is read from nowhere. */
const NO_ROW = 0;

export function createContexts(manifest: FmManifest, graph: GraphSession): Contexts {
  const contexts = new Map<string, Held>();
  const again = createGivenAgain();
  const heldOf = (state: TokenState) => contexts.get(stateKey(state));
  return {
    hold(state) {
      again.ask(stateKey(state));
      const held = heldOf(state) ?? { holders: 0, encoded: undefined, seen: undefined };
      held.holders++;
      contexts.set(stateKey(state), held);
    },
    release(state) {
      const held = heldOf(state);
      if (!held || --held.holders > 0) return;
      contexts.delete(stateKey(state));
      if (held.seen) graph.forgetRows?.([held.seen.row]);
    },
    holders: (state) => heldOf(state)?.holders ?? 0,
    encoded: (state) => heldOf(state)?.encoded ?? again.find(stateKey(state)),
    isFamiliar: (state) => again.isFamiliar(stateKey(state)),
    keepEncoded(state, context) {
      const held = heldOf(state);
      if (held) held.encoded = context;
      again.keep(stateKey(state), context);
    },
    seen: (state) =>
      tokensOf(state, manifest) === 0 ? { row: NO_ROW, tokens: 0 } : heldOf(state)?.seen,
    keepSeen(state, row) {
      const held = heldOf(state);
      if (held && !held.seen) held.seen = { row, tokens: tokensOf(state, manifest) };
      // Whoever needed it has gone meanwhile.
      else graph.forgetRows?.([row]);
    },
  };
}
