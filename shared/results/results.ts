/** Results in the store, by their key. `keys.ts` says when reuse is correct. */
import * as z from 'zod';
import type { Store } from '../store/store.ts';
import { SHARED_SCOPE } from './scope.ts';
import { createReader, writeStored } from './stored.ts';

/** When a result was computed, and for which request. */
export interface Computed {
  /** Unix milliseconds. */
  readonly at: number;
  /** Absent in what was stored before results said so. */
  readonly requestId?: string | undefined;
}

export interface StoredResult<R> {
  readonly result: R;
  readonly ageSeconds: number;
  readonly computed: Computed;
}

/** Where a result lies. */
export interface ResultName {
  /** Of `scope.ts`. */
  readonly scope: string;
  /** The hash of the request. */
  readonly id: string;
}

/** Results of one task. */
export interface ResultCache<R> {
  /** Undefined when nothing usable is stored, or the store cannot say: a broken cache must not stop work. */
  get(name: ResultName): Promise<StoredResult<R> | undefined>;
  /** True when the result of this key can now be read from the store. `replace` overwrites an earlier one. */
  put(name: ResultName, result: R, replace: boolean, computed: Computed): Promise<boolean>;
}

/** What may be told of a result: where tenants share them, a request may be another's, who may have named it himself. */
export const told = ({ scope }: ResultName, { at, requestId }: Computed): Computed =>
  scope === SHARED_SCOPE ? { at } : { at, requestId };

/** What keys of results begin with. */
export const RESULTS = 'results/';

/** The first two digits spread the objects over folders. */
export const resultKey = ({ scope, id }: ResultName): string =>
  `${RESULTS}${scope}/${id.slice(0, 2)}/${id}.json`;

/**
 * @param schema what a result is: anything else in its place counts as absent
 * @param now unix milliseconds
 */
export function createResultCache<R>(
  store: Store,
  schema: z.ZodType<R>,
  log: (line: string) => void,
  now: () => number = Date.now,
): ResultCache<R> {
  const storedSchema = z.object({
    /** Unix milliseconds. */
    stored_at: z.number(),
    request_id: z.string().optional(),
    result: schema,
  });
  const trouble = (action: string, error: unknown): void =>
    log(`result cache ${action}: ${error instanceof Error ? error.message : error}`);
  const readKey = createReader(store, storedSchema);
  const read = (name: ResultName) => readKey(resultKey(name));
  return {
    async get(name) {
      try {
        const found = await read(name);
        if (found.state !== 'found') return undefined;
        const { result, stored_at: at, request_id: requestId } = found.value;
        const ageSeconds = Math.max(0, now() - at) / 1000;
        return { result, ageSeconds, computed: told(name, { at, requestId }) };
      } catch (error) {
        trouble('get', error);
        return undefined;
      }
    },
    async put(name, result, replace, { at, requestId }) {
      try {
        const stored = { stored_at: at, request_id: requestId, result };
        const key = resultKey(name);
        if (!replace) {
          if ((await writeStored(store, key, stored, { ifNoneMatch: '*' })).ok) return true;
          // Another may have stored the same result first, or at the same time: callers may have seen that one. What is
          // there and no result of ours has to go.
          if ((await readKey(key)).state === 'found') return true;
        }
        await writeStored(store, key, stored);
        return true;
      } catch (error) {
        trouble('put', error);
        return false;
      }
    },
  };
}
