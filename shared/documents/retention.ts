/**
 * Removes what is too old of everything that is kept under ids which sort by time. The newest is listed first, so what
 * is too old lies behind one key of each tenant: what is kept is not even listed.
 */
import { BATCH_IDS } from '../api/batchId.ts';
import { JOB_IDS } from '../api/jobId.ts';
import type { TimeIds } from '../api/timeId.ts';
import type { Store } from '../store/store.ts';
import { foldersUnder, inSlices } from './keys.ts';
import { keysUnder } from './revisions.ts';

/** Where jobs and batches are kept after their end: `<folder>/<tenant>/<id>/...`, what is found by others last. */
const PLACES: readonly (readonly [folder: string, ids: TimeIds])[] = [
  ['webhook-events', JOB_IDS],
  ['jobs', JOB_IDS],
  ['webhook-events', BATCH_IDS],
  ['charge-claims', BATCH_IDS],
  ['batch-parts', BATCH_IDS],
  ['batch-records', BATCH_IDS],
  ['batches', BATCH_IDS],
];
/** Objects that are removed at once. */
const AT_ONCE = 16;

/** Keys of what was made at a time or earlier, in ascending order for each tenant. */
async function* keysMadeBefore(
  store: Store,
  folder: string,
  ids: TimeIds,
  time: number,
): AsyncGenerator<string, void, undefined> {
  for await (const tenant of foldersUnder(store, `${folder}/`)) {
    const prefix = `${folder}/${tenant}/`;
    for await (const key of keysUnder(store, prefix, prefix + ids.before(time))) {
      // Ids of another kind follow.
      if (!ids.is(key.slice(prefix.length).split('/')[0] ?? '')) break;
      yield key;
    }
  }
}

/**
 * Removes jobs and batches that were made at a time or earlier, in unix milliseconds, with all that is said of them.
 * The time has to be further back than the longest that one of them can take.
 * @returns how many objects were removed
 * @throws what the store throws
 */
export async function removeMadeBefore(
  store: Store,
  time: number,
  signal: AbortSignal,
): Promise<number> {
  let removed = 0;
  for (const [folder, ids] of PLACES) {
    for await (const keys of inSlices(keysMadeBefore(store, folder, ids, time), AT_ONCE)) {
      if (signal.aborted) return removed;
      await Promise.all(keys.map((key) => store.delete(key)));
      removed += keys.length;
    }
  }
  return removed;
}
