/** Classifier-free guidance: none, or one scale over all conditioning modalities. */
import type { ModalityInfo } from '../../shared/model/modalities.ts';
import type { Context, Forward, Logits } from './forward.ts';
import { encode } from './forward.ts';
import {
  fullRows,
  fullTokens,
  type TokenState,
  withModality,
  withoutModality,
} from './tokenState.ts';

/** Encoder outputs of a step: with all inputs, and without the conditioning ones when guided. */
export interface GuidedContext {
  readonly conditional: Context;
  readonly unconditional?: Context;
  readonly scale: number;
}

export interface Guidance {
  /** 1 is off. */
  readonly scale: number;
  /** Modalities that are emptied in the unconditional pass. */
  readonly conditioning: readonly string[];
}

/**
 * The state in which the conditioning modalities are empty: pictures vanish, sequences show their first
 * sentinel, embeddings one row of zeros.
 */
export function unconditionalState(
  state: TokenState,
  conditioning: readonly string[],
  modalities: Readonly<Record<string, ModalityInfo>>,
  firstSentinel: number,
): TokenState {
  return conditioning.reduce((emptied, name) => {
    const tokens = emptied.get(name);
    if (!tokens) return emptied;
    if (tokens.content.kind === 'rows' && modalities[name]?.type === 'seq_emb') {
      const { width } = tokens.content;
      return withModality(emptied, name, fullRows(new Float32Array(width), width));
    }
    return modalities[name]?.type === 'seq'
      ? withModality(emptied, name, fullTokens([firstSentinel]))
      : withoutModality(emptied, name);
  }, state);
}

/** Encodes what a guided step needs: one pass, or two when the scale asks for guidance. */
export function* encodeGuided(
  state: TokenState,
  guidance: Guidance,
  modalities: Readonly<Record<string, ModalityInfo>>,
  firstSentinel: number,
): Forward<GuidedContext> {
  const { scale, conditioning } = guidance;
  const conditional = yield* encode(state);
  if (scale === 1 || conditioning.length === 0) return { conditional, scale: 1 };
  const emptied = unconditionalState(state, conditioning, modalities, firstSentinel);
  return { conditional, unconditional: yield* encode(emptied), scale };
}

/**
 * Runs `decodeWith` on the context, and on the unconditional one when there is one, and combines:
 * u + (c - u) * scale, in double precision.
 */
export function* decodeGuided(
  guided: GuidedContext,
  decodeWith: (context: Context) => Forward<Logits>,
): Forward<{ readonly vocabulary: number; readonly data: Float32Array | Float64Array }> {
  const conditional = yield* decodeWith(guided.conditional);
  if (!guided.unconditional) return conditional;
  const unconditional = yield* decodeWith(guided.unconditional);
  const data = new Float64Array(conditional.data.length);
  for (let i = 0; i < data.length; i++) {
    const u = unconditional.data[i]!;
    data[i] = u + (conditional.data[i]! - u) * guided.scale;
  }
  return { vocabulary: conditional.vocabulary, data };
}
