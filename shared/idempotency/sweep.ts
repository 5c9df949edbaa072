/** Removes what is kept no longer of requests that carried an Idempotency-Key, where no rule of a bucket does that. */
import { foldersUnder } from '../documents/keys.ts';
import { documentsUnder } from '../documents/revisions.ts';
import type { Store } from '../store/store.ts';
import { hasExpired, RECORD } from './records.ts';

/** Between two looks at a store. */
const EVERY_MILLISECONDS = 3_600_000;
const FOLDER = 'idempotency/';

/** The body of an answer lies there before its record says so, and goes before it. */
async function sweepOne(store: Store, place: string, keys: readonly string[]): Promise<void> {
  const record = `${place}/${RECORD}`;
  const found = await store.look(record);
  if (!hasExpired(found, store.now())) return;
  for (const key of keys) if (key !== record) await store.delete(key);
  const now = await store.look(record);
  const isSame =
    now.state === found.state &&
    (now.state !== 'whole' || found.state !== 'whole' || now.object.etag === found.object.etag);
  // Otherwise the same name was used for another request meanwhile.
  if (isSame) await store.delete(record);
}

/** @throws what the store throws */
export async function sweepRequests(store: Store): Promise<void> {
  for await (const tenant of foldersUnder(store, FOLDER))
    for await (const [name, keys] of documentsUnder(store, `${FOLDER}${tenant}/`))
      await sweepOne(store, `${FOLDER}${tenant}/${name}`, keys);
}

/** Store -> when it was looked at last. */
const looked = new WeakMap<Store, number>();

/** Looks at a store in the background, if nobody here has for a while. */
export function sweepSometimes(store: Store, log: (line: string) => void): void {
  const last = looked.get(store) ?? Number.NEGATIVE_INFINITY;
  // The rules of a bucket remove them without a reading of each.
  if (store.kind === 's3' || store.now() - last < EVERY_MILLISECONDS) return;
  looked.set(store, store.now());
  sweepRequests(store).catch((error: unknown) =>
    log(`old answers cannot be removed: ${error instanceof Error ? error.message : error}`),
  );
}
