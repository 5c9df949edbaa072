/** Results in the store, by their key. `keys.ts` says when reuse is correct. */
import { type GenerateResponse, generateResponseSchema } from '../api/generate.ts';
import type { Store } from '../store/store.ts';

export interface ResultCache {
  /** Undefined when nothing is stored, or the store cannot say: a broken cache must not stop work. */
  get(id: string): Promise<GenerateResponse | undefined>;
  /** True when the result is now in the store. `replace` overwrites an earlier one. */
  put(id: string, result: GenerateResponse, replace: boolean): Promise<boolean>;
}

/** The first two digits spread the objects over folders. */
export const resultKey = (id: string): string => `results/${id.slice(0, 2)}/${id}.json`;

export function createResultCache(store: Store, log: (line: string) => void): ResultCache {
  const trouble = (action: string, error: unknown): void =>
    log(`result cache ${action}: ${error instanceof Error ? error.message : error}`);
  return {
    async get(id) {
      try {
        const found = await store.get(resultKey(id));
        if (!found) return undefined;
        return generateResponseSchema.parse(JSON.parse(new TextDecoder().decode(found.body)));
      } catch (error) {
        trouble('get', error);
        return undefined;
      }
    },
    async put(id, result, replace) {
      try {
        const body = new TextEncoder().encode(JSON.stringify(result));
        const condition = replace ? {} : { ifNoneMatch: '*' as const };
        await store.put(resultKey(id), body, { contentType: 'application/json', ...condition });
        // A failed condition means that another edge stored the same result first.
        return true;
      } catch (error) {
        trouble('put', error);
        return false;
      }
    },
  };
}
