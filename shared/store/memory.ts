/** A store in this process's memory: for tests and for trying the edge out. Nothing is evicted. */
import { createMemoryBlobs } from './memoryBlobs.ts';
import { pageOf } from './pages.ts';
import type { Store } from './store.ts';
import { createStore, type Log, type Place, type PlacedObject } from './whole.ts';

/** @param objects where they lie; a test reaches in to damage them */
export function createMemoryStore(log?: Log, objects = new Map<string, PlacedObject>()): Store {
  const place: Place = {
    kind: 'memory',
    now: Date.now,
    async read(key) {
      const found = objects.get(key);
      return found && { ...found, body: found.body.slice() };
    },
    // No await between the check and the write: this is what makes the conditions atomic.
    async write(key, body, { contentType, seal, ifNoneMatch, ifMatch }) {
      const present = objects.get(key);
      const refused =
        (ifNoneMatch !== undefined && present !== undefined) ||
        (ifMatch !== undefined && present?.etag !== ifMatch);
      if (refused) return { ok: false, code: 'precondition_failed' };
      const etag = `"${seal}"`;
      objects.set(key, { body, contentType, etag, seal });
      return { ok: true, etag };
    },
    async delete(key) {
      objects.delete(key);
    },
    list: async (prefix, cursor, after) => pageOf(objects.keys(), prefix, cursor ?? after),
  };
  return createStore(place, createMemoryBlobs(), log);
}
