/** Blobs in this process's memory: for tests and for trying the edge out. */
import { type Blobs, type Bytes, collect } from './blobs.ts';
import { assertKey } from './store.ts';

/** Bytes of a piece that is read. */
const PIECE = 65_536;

export function createMemoryBlobs(now: () => number = Date.now): Blobs {
  const all = new Map<string, { bytes: Bytes; modified: number }>();

  async function* piecesOf(bytes: Bytes): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += PIECE) yield bytes.slice(at, at + PIECE);
  }

  return {
    async write(key, source) {
      assertKey(key);
      const bytes = source instanceof Uint8Array ? source.slice() : await collect(source);
      if (bytes) all.set(key, { bytes, modified: now() });
    },
    async info(key) {
      const found = all.get(key);
      return found && { key, size: found.bytes.length, modified: found.modified };
    },
    async read(key, from = 0) {
      const found = all.get(key);
      return found && piecesOf(found.bytes.subarray(from));
    },
    async touch(key) {
      const found = all.get(key);
      if (found) found.modified = now();
    },
    async delete(key) {
      all.delete(key);
    },
    async *list(prefix) {
      for (const [key, { bytes, modified }] of [...all])
        if (key.startsWith(prefix)) yield { key, size: bytes.length, modified };
    },
  };
}
