/** A store in this process's memory: for tests and for trying the edge out. Nothing is evicted. */
import { contentEtag, pageOf } from './pages.ts';
import { assertKey, type Store, type StoredObject } from './store.ts';

export function createMemoryStore(): Store {
  const objects = new Map<string, StoredObject>();
  return {
    kind: 'memory',
    async get(key) {
      assertKey(key);
      const found = objects.get(key);
      return found && { ...found, body: found.body.slice() };
    },
    async put(key, body, options = {}) {
      assertKey(key);
      const copy = body.slice();
      const etag = await contentEtag(copy);
      // No await between the check and the write: this is what makes the conditions atomic.
      const present = objects.get(key);
      if (options.ifNoneMatch && present) return { ok: false, code: 'precondition_failed' };
      if (options.ifMatch !== undefined && present?.etag !== options.ifMatch) {
        return { ok: false, code: 'precondition_failed' };
      }
      const contentType = options.contentType ?? 'application/octet-stream';
      objects.set(key, { body: copy, contentType, etag });
      return { ok: true, etag };
    },
    async delete(key) {
      assertKey(key);
      objects.delete(key);
    },
    async list(prefix, cursor) {
      return pageOf(objects.keys(), prefix, cursor);
    },
    async check() {},
  };
}
