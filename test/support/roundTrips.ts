/** A store that counts its calls, and the rounds in which they are answered: those that wait together are one round. */
import type { Store } from '../../shared/store/store.ts';

export interface CountedStore {
  readonly store: Store;
  /** Calls and rounds of some work. */
  readonly count: <T>(work: () => Promise<T>) => Promise<{
    readonly value: T;
    readonly calls: number;
    readonly rounds: number;
    readonly most: number;
  }>;
}

export function countRoundTrips(store: Store): CountedStore {
  let waiting: (() => void)[] = [];
  let [calls, rounds, most] = [0, 0, 0];
  const turn = (): void => {
    const released = waiting;
    waiting = [];
    rounds++;
    most = Math.max(most, released.length);
    for (const go of released) go();
  };
  const counted = async <T>(work: () => Promise<T>): Promise<T> => {
    calls++;
    await new Promise<void>((resolve) => {
      waiting.push(resolve);
      // Whatever can go on does so first, and asks in the same round.
      if (waiting.length === 1) setImmediate(() => setImmediate(turn));
    });
    return await work();
  };
  return {
    store: {
      ...store,
      look: (key) => counted(() => store.look(key)),
      get: (key) => counted(() => store.get(key)),
      list: (...given) => counted(() => store.list(...given)),
      put: (...given) => counted(() => store.put(...given)),
      delete: (key) => counted(() => store.delete(key)),
    },
    async count(work) {
      [calls, rounds, most] = [0, 0, 0];
      const value = await work();
      return { value, calls, rounds, most };
    },
  };
}
