/** Removes uploads that have expired, and bytes that nothing has used for long, of all tenants. */
import type { Store } from '../store/store.ts';
import { sweepKept } from './kept.ts';
import { createUploads } from './uploads.ts';

/** @param now unix milliseconds. @throws what the store throws */
export async function sweepUploads(store: Store, now: () => number = Date.now): Promise<void> {
  await createUploads(store, now).sweep();
  await sweepKept(store, now());
}
