/** Heads of the store as tasks need them: read once, checked, and kept in memory as long as there is room. */

import { pointerTo } from '../../shared/api/pointer.ts';
import { refusal } from '../../shared/api/problem.ts';
import { storeFailure } from '../../shared/api/storeFailure.ts';
import { headFileKey } from '../../shared/heads/headStore.ts';
import type { Store } from '../../shared/store/store.ts';
import type { HeadFile } from '../heads/file.ts';
import { inThread } from '../threads/inThread.ts';

/** A version of a head, by the tenant that it belongs to. */
export interface HeadAddress {
  readonly tenant: string;
  readonly name: string;
  readonly version: string;
}

export interface HeadSource {
  /** @throws FailureError `unknown_head`, `invalid_head`, `store_unavailable`; the signal's reason */
  load(address: HeadAddress, signal?: AbortSignal): Promise<HeadFile>;
}

/** Bytes of weights that are kept at most. */
const KEPT_BYTES = 256 * 2 ** 20;

const bytesOf = ({ weights }: HeadFile): number => weights.linear.byteLength;

/** A worker that was started without a store. */
export const NO_HEADS: HeadSource = {
  load: async () => {
    const detail = 'this worker has no store to read heads from; start it with FOURM_STORE';
    throw refusal('store_unavailable', detail, pointerTo('head'));
  },
};

/** A version never changes, so what was read once holds for ever. */
export function createHeadSource(store: Store): HeadSource {
  // In the order of their last use.
  const kept = new Map<string, HeadFile>();

  function keep(key: string, head: HeadFile): void {
    kept.delete(key);
    kept.set(key, head);
    let bytes = [...kept.values()].reduce((sum, one) => sum + bytesOf(one), 0);
    for (const [other, one] of kept) {
      if (bytes <= KEPT_BYTES || other === key) break;
      kept.delete(other);
      bytes -= bytesOf(one);
    }
  }

  return {
    async load({ tenant, name, version }, signal) {
      const key = headFileKey(tenant, name, version);
      const known = kept.get(key);
      if (known) {
        keep(key, known);
        return known;
      }
      const object = await store.get(key).catch((cause: unknown) => {
        throw storeFailure('heads cannot be read', cause);
      });
      if (!object) {
        const detail = `the store of this worker has no version ${version} of the head ${name}`;
        throw refusal('unknown_head', detail, pointerTo('head'));
      }
      const { body } = object;
      const head = await inThread('readHead', body, { signal, transfer: [body.buffer] });
      keep(key, head);
      return head;
    },
  };
}
