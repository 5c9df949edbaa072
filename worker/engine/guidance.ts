/**
 * Classifier-free guidance: which states a step looks at, and how much each counts. None is one state;
 * one scale is two; weights for single inputs are one state for each of them and one without them all.
 */
import type { ModalityInfo } from '../../shared/model/modalities.ts';
import { matters } from '../../shared/plan/targetPlan.ts';
import type { Condition } from './forward.ts';
import {
  emptyRows,
  emptySequence,
  stateKey,
  type TokenState,
  withModality,
  withoutModality,
} from './tokenState.ts';

export interface Guidance {
  /** 1 is off. Not looked at when there are weights. */
  readonly scale: number;
  /**
   * Weights of single inputs. An input that has one is seen only by its own condition; one without is
   * seen by all conditions; a weight of 0 hides its input.
   */
  readonly weights?: Readonly<Record<string, number>>;
  /** Modalities that a scale empties. */
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
      return withModality(emptied, name, emptyRows(tokens.content.width));
    }
    return modalities[name]?.type === 'seq'
      ? withModality(emptied, name, emptySequence(firstSentinel))
      : withoutModality(emptied, name);
  }, state);
}

/** One weight for all: l_u + scale * (l_c - l_u). */
function scaled(
  state: TokenState,
  scale: number,
  conditioning: readonly string[],
  modalities: Readonly<Record<string, ModalityInfo>>,
  firstSentinel: number,
): Condition[] {
  if (scale === 1 || conditioning.length === 0) return [{ state, weight: 1 }];
  const emptied = unconditionalState(state, conditioning, modalities, firstSentinel);
  return [
    { state, weight: scale },
    { state: emptied, weight: 1 - scale },
  ];
}

/** A weight for each: l_u + sum of w_i * (l_i - l_u), where u sees none of the weighted inputs. */
function weighted(state: TokenState, weights: Readonly<Record<string, number>>): Condition[] {
  const single = Object.entries(weights).flatMap(([name, weight]) => {
    const tokens = state.get(name);
    return tokens ? [{ name, weight, tokens }] : [];
  });
  const none = single.reduce((rest, { name }) => withoutModality(rest, name), state);
  const conditions = single.map(({ name, weight, tokens }) => ({
    state: withModality(none, name, tokens),
    weight,
  }));
  const total = single.reduce((sum, { weight }) => sum + weight, 0);
  return [...conditions, { state: none, weight: 1 - total }];
}

/** Equal states are one condition, and what counts nothing is not computed. */
function simplified(conditions: readonly Condition[]): readonly Condition[] {
  if (conditions.length === 1) return conditions;
  const byState = new Map<string, Condition>();
  for (const { state, weight } of conditions) {
    const key = stateKey(state);
    const known = byState.get(key);
    byState.set(key, known ? { ...known, weight: known.weight + weight } : { state, weight });
  }
  return [...byState.values()].filter(({ weight }) => matters(weight));
}

/**
 * The conditions of a step that predicts `target`. What of the target is known already is seen by all.
 * @returns weights sum to 1; never empty
 */
export function conditionsOf(
  state: TokenState,
  target: string,
  { scale, weights, conditioning }: Guidance,
  modalities: Readonly<Record<string, ModalityInfo>>,
  firstSentinel: number,
): readonly Condition[] {
  if (weights) {
    const { [target]: _, ...others } = weights;
    return simplified(weighted(state, others));
  }
  const emptied = conditioning.filter((name) => name !== target);
  return simplified(scaled(state, scale, emptied, modalities, firstSentinel));
}
