/** A store that fails as stores do, and clients of it that can be killed: what waits for an answer waits for ever. */
import type { Store } from '../../shared/store/store.ts';

export interface Faults {
  /** Share of calls that fail before anything is done, and after all of it. */
  before: number;
  after: number;
  /** Turns of the event loop that a call waits at most, before and after. */
  slow: number;
}

export interface Client {
  readonly store: Store;
  /** Calls under way are done or not, and nobody is told. */
  kill(): void;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** @param random from 0 to 1. @param now unix milliseconds */
export function createClient(
  store: Store,
  faults: Faults,
  random: () => number,
  now: () => number,
): Client {
  let isAlive = true;
  const never = new Promise<never>(() => {});
  async function wait(): Promise<void> {
    for (let turns = Math.floor(random() * (faults.slow + 1)); turns > 0; turns--) await turn();
  }
  async function call<T>(work: () => Promise<T>): Promise<T> {
    if (!isAlive) return await never;
    await wait();
    // A call of a client that was killed meanwhile may still arrive.
    if (!isAlive && random() < 0.5) return await never;
    if (random() < faults.before) throw new Error('500 before it was done');
    const result = await work();
    await wait();
    if (!isAlive) return await never;
    if (random() < faults.after) throw new Error('500 after it was done');
    return result;
  }
  return {
    kill() {
      isAlive = false;
    },
    store: {
      ...store,
      now,
      get: (key) => call(() => store.get(key)),
      look: (key) => call(() => store.look(key)),
      put: (key, body, options) => call(() => store.put(key, body, options)),
      delete: (key) => call(() => store.delete(key)),
      list: (...given) => call(() => store.list(...given)),
    },
  };
}
