/**
 * The object store: the one place where results live. Implementations: memory, disk, s3; all pass
 * `test/contract/store.ts`. Keys are `/`-separated, of [A-Za-z0-9._-] segments, at most 512 characters.
 *
 * A store gives back what was written, or nothing: every object carries a digest that is checked on
 * reading, and a write has succeeded when the object can be read. See `whole.ts`.
 */
import type { Blobs } from './blobs.ts';

export interface StoredObject {
  readonly body: Uint8Array<ArrayBuffer>;
  readonly contentType: string;
  /** Strong, quoted. Changes when the bytes change. */
  readonly etag: string;
}

/** What lies under a key. */
export type Lookup =
  | { readonly state: 'whole'; readonly object: StoredObject }
  /** Something lies there that is not what was written. */
  | { readonly state: 'damaged' }
  | { readonly state: 'absent' };

export interface PutConditions {
  /** `'*'`: only when nothing whole is stored under the key. */
  readonly ifNoneMatch?: '*';
  /** Only when the stored object has this etag. */
  readonly ifMatch?: string;
}

export interface PutOptions extends PutConditions {
  readonly contentType?: string;
}

/** A failed condition is a value, since the caller decides; every other failure throws. */
export type PutResult =
  | { readonly ok: true; readonly etag: string }
  | { readonly ok: false; readonly code: 'precondition_failed' };

export interface ListPage {
  readonly keys: readonly string[];
  /** Absent on the last page. */
  readonly cursor?: string;
}

export type StoreKind = 'memory' | 'disk' | 's3';

export interface Store {
  readonly kind: StoreKind;
  /**
   * Unix milliseconds by the store's clock, as far as its last answer told. Whoever shares a store can compare such
   * times, also where the clocks of machines differ.
   */
  now(): number;
  /** Bytes that callers send and fetch, which carry no digest. */
  readonly blobs: Blobs;
  /** A damaged object counts as absent. */
  get(key: string): Promise<StoredObject | undefined>;
  /** As `get`, for who has to tell a damaged object from an absent one. */
  look(key: string): Promise<Lookup>;
  /**
   * Resolves when the object can be read back. What is damaged is replaced, whatever the conditions.
   * @throws Error when the place refuses the write, or does not give back what was written
   */
  put(key: string, body: Uint8Array, options?: PutOptions): Promise<PutResult>;
  /** Deleting what is not there is no error. */
  delete(key: string): Promise<void>;
  /**
   * Keys in ascending order; damaged objects are among them.
   * @param after a key, there or not, behind which the first page begins
   */
  list(prefix: string, cursor?: string, after?: string): Promise<ListPage>;
  /** Resolves when the store can be read and written; throws with the reason otherwise. */
  check(): Promise<void>;
}

const SEGMENT = /^[A-Za-z0-9._-]+$/;

/** @throws Error for a key outside the grammar above (also `.` and `..` segments) */
export function assertKey(key: string): void {
  const fine =
    key.length > 0 &&
    key.length <= 512 &&
    key.split('/').every((s) => SEGMENT.test(s) && s !== '.' && s !== '..');
  if (!fine) throw new Error(`store key is malformed: ${JSON.stringify(key.slice(0, 80))}`);
}
