/**
 * The object store: the one place where results live. Implementations: memory, disk, s3; all pass
 * `test/contract/store.ts`. Keys are `/`-separated, of [A-Za-z0-9._-] segments, at most 512 characters.
 */
export interface StoredObject {
  readonly body: Uint8Array;
  readonly contentType: string;
  /** Strong, quoted. Changes when the bytes change. */
  readonly etag: string;
}

export interface PutOptions {
  readonly contentType?: string;
  /** `'*'`: only when nothing is stored under the key. */
  readonly ifNoneMatch?: '*';
  /** Only when the stored object has this etag. */
  readonly ifMatch?: string;
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

export interface Store {
  readonly kind: 'memory' | 'disk' | 's3';
  get(key: string): Promise<StoredObject | undefined>;
  put(key: string, body: Uint8Array, options?: PutOptions): Promise<PutResult>;
  /** Deleting what is not there is no error. */
  delete(key: string): Promise<void>;
  /** Keys in ascending order. */
  list(prefix: string, cursor?: string): Promise<ListPage>;
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
