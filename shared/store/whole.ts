/**
 * A place for bytes -> a store: writes a digest with every object, checks it on every reading, and
 * reads back what was written before it says that it is stored. A damaged object is logged, counts as
 * absent, and is replaced by the next write of its key.
 */
import type { Blobs } from './blobs.ts';
import { sealOf } from './seal.ts';
import {
  assertKey,
  type ListPage,
  type Lookup,
  type PutConditions,
  type PutResult,
  type Store,
  type StoreKind,
} from './store.ts';

/** An object as it lies in its place, whole or not. */
export interface PlacedObject {
  readonly body: Uint8Array<ArrayBuffer>;
  readonly contentType: string;
  readonly etag: string;
  /** Absent when the object was written without one, or when it can no longer be told. */
  readonly seal: string | undefined;
}

export interface Writing extends PutConditions {
  readonly contentType: string;
  readonly seal: string;
}

/** Where objects lie: what a store is made of. Keys are well formed, and bodies are not reused. */
export interface Place {
  readonly kind: StoreKind;
  /** Unix milliseconds by the place's clock. */
  now(): number;
  read(key: string): Promise<PlacedObject | undefined>;
  write(key: string, body: Uint8Array<ArrayBuffer>, writing: Writing): Promise<PutResult>;
  delete(key: string): Promise<void>;
  list(prefix: string, cursor?: string, after?: string): Promise<ListPage>;
}

export type Log = (line: string) => void;

const REFUSED: PutResult = { ok: false, code: 'precondition_failed' };
/** Attempts at replacing a damaged object, which another writer may do at the same time. */
const ATTEMPTS = 3;

async function isWhole(key: string, { seal, contentType, body }: PlacedObject): Promise<boolean> {
  return seal !== undefined && seal === (await sealOf(key, contentType, body));
}

export function createStore(place: Place, blobs: Blobs, log: Log = () => {}): Store {
  async function look(key: string): Promise<Lookup> {
    assertKey(key);
    const placed = await place.read(key);
    if (!placed) return { state: 'absent' };
    if (await isWhole(key, placed)) {
      const { body, contentType, etag } = placed;
      return { state: 'whole', object: { body, contentType, etag } };
    }
    log(`store ${place.kind}: ${key} is damaged and counts as absent: its digest does not fit`);
    return { state: 'damaged' };
  }

  /** Writes where a condition failed, unless something whole lies there. */
  async function replaceDamaged(
    key: string,
    write: (conditions: PutConditions) => Promise<PutResult>,
  ): Promise<PutResult> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const placed = await place.read(key);
      if (placed && (await isWhole(key, placed))) return REFUSED;
      const written = await write(placed ? { ifMatch: placed.etag } : { ifNoneMatch: '*' });
      if (written.ok) return written;
    }
    return REFUSED;
  }

  const store: Store = {
    kind: place.kind,
    now: () => place.now(),
    blobs,
    look,
    async get(key) {
      const found = await look(key);
      return found.state === 'whole' ? found.object : undefined;
    },
    async put(key, given, { contentType = 'application/octet-stream', ...conditions } = {}) {
      assertKey(key);
      // The caller may reuse its buffer while we write.
      const body = given.slice();
      const seal = await sealOf(key, contentType, body);
      const write = (under: PutConditions): Promise<PutResult> =>
        place.write(key, body, { contentType, seal, ...under });
      const first = await write(conditions);
      const written =
        first.ok || !conditions.ifNoneMatch ? first : await replaceDamaged(key, write);
      // Another writer may have replaced it since: then what is there now is whole as well.
      if (written.ok && (await look(key)).state !== 'whole') {
        throw new Error(`the ${place.kind} store does not give back what was written under ${key}`);
      }
      return written;
    },
    async delete(key) {
      assertKey(key);
      await place.delete(key);
    },
    list: (prefix, cursor, after) => place.list(prefix, cursor, after),
    async check() {
      await store.put('health/check', new Uint8Array([1]));
    },
  };
  return store;
}
