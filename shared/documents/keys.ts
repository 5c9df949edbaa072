/** Keys of the store, as rooms that keep documents go through them. */
import type { Store } from '../store/store.ts';
import { keysUnder } from './revisions.ts';

/** Deletes in ascending order, so that what lies last is there until the end. */
export async function deleteUnder(store: Store, prefix: string): Promise<void> {
  for await (const key of keysUnder(store, prefix)) await store.delete(key);
}

/** The names of the folders right below a prefix that ends in `/`: one listing for each. */
export async function* foldersUnder(
  store: Store,
  prefix: string,
): AsyncGenerator<string, void, undefined> {
  for (let after: string | undefined; ; ) {
    const { keys } = await store.list(prefix, undefined, after);
    const name = keys[0]?.slice(prefix.length).split('/')[0];
    if (name === undefined) return;
    yield name;
    // `~` sorts behind everything that a key can have.
    after = `${prefix}${name}/~`;
  }
}

/** Slices of what comes one by one, the last of which may be short. */
export async function* inSlices<T>(items: AsyncIterable<T>, size: number): AsyncGenerator<T[]> {
  let slice: T[] = [];
  for await (const item of items) {
    slice.push(item);
    if (slice.length < size) continue;
    yield slice;
    slice = [];
  }
  yield slice;
}
