/**
 * What was made of a stored result for a request whose very bytes come again: what it costs, and the answer as its caller
 * sees it. It is forgotten with the result that it was made of, whose memory is bounded, and with the request.
 */

import type { Seen } from './answer.ts';
import type { Answer } from './compute.ts';
import type { Work } from './pay.ts';
import type { Wish } from './task.ts';

/** Besides what each answer says anew: its age, and that it was stored. */
export interface Hit {
  readonly seen: Seen;
  readonly work: Work;
}

export interface Hits<R> {
  /** What was made of this very result; undefined for another one. */
  find(wish: Wish, answer: Answer<R>): Hit | undefined;
  remember(wish: Wish, answer: Answer<R>, hit: Hit): void;
}

interface Remembered extends Hit {
  readonly at: number;
  readonly models: Wish['models'];
}

/** Requests that are recalled share the key of the one that was read. */
export function createHits<R extends object>(): Hits<R> {
  /** By the result first: a request is remembered for longer, and must not keep what was made of the result. */
  const remembered = new WeakMap<R, WeakMap<Wish['key'], Remembered>>();
  return {
    find({ key, models }, { result, computed }) {
      const found = remembered.get(result)?.get(key);
      const isSame = found?.at === computed.at && found.models === models;
      return isSame ? found : undefined;
    },
    remember({ key, models }, { result, computed }, { seen, work }) {
      const ofResult = remembered.get(result) ?? new WeakMap<Wish['key'], Remembered>();
      ofResult.set(key, { seen, work, at: computed.at, models });
      remembered.set(result, ofResult);
    },
  };
}
