/**
 * A store whose objects of one prefix are held in memory for some seconds after they were read, bounded by bytes: what is
 * asked for again and again is read and checked once. What this process writes or deletes is seen at once. What others
 * write or delete is seen after these seconds: so the prefix has to be one whose keys always mean the same content.
 */
import type { Lookup, Store, StoredObject } from './store.ts';

export interface HotOptions {
  readonly prefix: string;
  /** Memory that objects may take together. 0 holds none. */
  readonly bytes: number;
  readonly seconds: number;
}

/** An object takes its bytes, and about twice as many again for what is made of them. */
const WEIGHT = 3;
/** One object takes no more than this share of the memory. */
const SHARE = 1 / 8;

interface Held {
  readonly object: StoredObject;
  readonly until: number;
}

/** @param now milliseconds */
export function createHotStore(
  store: Store,
  { prefix, bytes, seconds }: HotOptions,
  now: () => number = () => performance.now(),
): Store {
  if (bytes === 0) return store;
  const held = new Map<string, Held>();
  let together = 0;
  /** Counts what may have made a reading that is under way outdated. */
  let changes = 0;
  const weightOf = ({ body }: StoredObject): number => body.length * WEIGHT;

  function drop(key: string): void {
    const found = held.get(key);
    if (!found) return;
    held.delete(key);
    together -= weightOf(found.object);
  }

  function hold(key: string, object: StoredObject): void {
    drop(key);
    if (weightOf(object) > bytes * SHARE) return;
    held.set(key, { object, until: now() + seconds * 1000 });
    together += weightOf(object);
    for (const oldest of held.keys()) {
      if (together <= bytes) return;
      drop(oldest);
    }
  }

  async function look(key: string): Promise<Lookup> {
    if (!key.startsWith(prefix)) return await store.look(key);
    const found = held.get(key);
    if (found && found.until > now()) {
      held.delete(key);
      held.set(key, found);
      return { state: 'whole', object: found.object };
    }
    const before = changes;
    const lookup = await store.look(key);
    if (lookup.state === 'whole' && changes === before) hold(key, lookup.object);
    else drop(key);
    return lookup;
  }

  /** A change of an object: nothing that was read before its end is held. */
  async function changing<T>(key: string, work: () => Promise<T>): Promise<T> {
    if (!key.startsWith(prefix)) return await work();
    try {
      return await work();
    } finally {
      changes++;
      drop(key);
    }
  }

  return {
    ...store,
    look,
    async get(key) {
      const found = await look(key);
      return found.state === 'whole' ? found.object : undefined;
    },
    put: (key, body, options) => changing(key, () => store.put(key, body, options)),
    delete: (key) => changing(key, () => store.delete(key)),
  };
}
