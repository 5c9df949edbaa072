/** Requests of the simulation: what the scheduler sees of them, without pictures and without a model. */

import type { OpenGroup, PredictWork, WriteWork } from '../../../worker/batching/work.ts';
import { GREEDY } from '../../../worker/engine/forward.ts';
import { fullRows, type TokenState } from '../../../worker/engine/tokenState.ts';

/** Tokens of a picture at 224 pixels, in patches of 16. */
export const PICTURE_TOKENS = 196;
export const CAPTION_TOKENS = 256;

export type Kind = 'depth' | 'caption';

/** Tokens that its passes read or predict, as the gate counts them. */
export const TOKENS: Readonly<Record<Kind, number>> = {
  depth: 2 * PICTURE_TOKENS,
  caption: PICTURE_TOKENS + CAPTION_TOKENS,
};

const GRID = Array.from({ length: PICTURE_TOKENS }, (_, position) => position);
/** All are of one tenant and priority. */
export const ASKER = { priority: 'interactive', tenant: '' } as const;
const NOTHING = (): void => {};

/** One row stands for the whole picture: what is compared of a state is who made it. */
const picture = (): TokenState => new Map([['rgb', fullRows(new Float32Array(1), 1)]]);

let made = 0;

export function createPrediction(since: number): PredictWork {
  const state = picture();
  const key = String(made++);
  const group: OpenGroup = { key, modality: 'depth', positions: GRID, state, isConstant: false };
  return {
    kind: 'predict',
    asker: ASKER,
    since,
    most: Number.POSITIVE_INFINITY,
    resolve: NOTHING,
    reject: NOTHING,
    request: {
      kind: 'predict',
      modality: 'depth',
      step: 0,
      positions: GRID,
      conditions: [{ state, weight: 1 }],
      sampling: GREEDY,
      draws: [],
    },
    keys: [key],
    open: new Map([[key, group]]),
    outputs: new Map(),
  };
}

export function createCaption(since: number): WriteWork {
  const state = picture();
  return {
    kind: 'write',
    asker: ASKER,
    since,
    most: Number.POSITIVE_INFINITY,
    resolve: NOTHING,
    reject: NOTHING,
    request: {
      kind: 'write',
      modality: 'caption',
      conditions: [{ state, weight: 1 }],
      ids: [0],
      sampling: GREEDY,
      draws: [],
      stops: [],
    },
    sequence: {
      kind: 'decoder-cache',
      rows: [made++],
      states: [state],
      begun: since,
      tokens: 0,
    },
    written: [],
  };
}
