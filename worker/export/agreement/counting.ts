/** What a comparison of two precisions counts, and the graphs that it compares. */
import { fieldOf } from '../../../shared/lookup.ts';
import type { GraphSession } from '../../session/types.ts';

export type Sessions = Readonly<Record<string, GraphSession>>;

/** The graph of that name. @throws Error where the model has none */
export const graphOf = (sessions: Sessions, name: string): GraphSession =>
  fieldOf(sessions, name, 'the model to compare');

export interface Agreement {
  readonly tokens: number;
  readonly equal: number;
}

/** Counts places where two lists hold the same number. */
export function countEqual(a: ArrayLike<unknown>, b: ArrayLike<unknown>): Agreement {
  let equal = 0;
  for (let i = 0; i < a.length; i++) if (a[i] === b[i]) equal += 1;
  return { tokens: a.length, equal };
}

export const addUp = (parts: readonly Agreement[]): Agreement => ({
  tokens: parts.reduce((sum, { tokens }) => sum + tokens, 0),
  equal: parts.reduce((sum, { equal }) => sum + equal, 0),
});
