/** JSON values in the store, each with the schema that it has to fit when it is read. */
import type { z } from 'zod';
import { decodeUtf8, readJson, writeJson } from '../json.ts';
import type { Store } from '../store/store.ts';

/** `unusable`: something lies there that is damaged, or of another form than the schema's. */
export type Found<T> =
  | { readonly state: 'found'; readonly value: T }
  | { readonly state: 'unusable' }
  | { readonly state: 'absent' };

/** @throws Error when the store cannot say */
export async function readStored<T>(
  store: Store,
  key: string,
  schema: z.ZodType<T>,
): Promise<Found<T>> {
  const lookup = await store.look(key);
  if (lookup.state === 'absent') return { state: 'absent' };
  if (lookup.state === 'damaged') return { state: 'unusable' };
  try {
    const json = await readJson(await decodeUtf8(lookup.object.body));
    const parsed = schema.safeParse(json);
    return parsed.success ? { state: 'found', value: parsed.data } : { state: 'unusable' };
  } catch {
    return { state: 'unusable' };
  }
}

/** @throws Error when the store cannot keep it */
export const writeStored = async (store: Store, key: string, value: unknown) =>
  await store.put(key, await writeJson(value), { contentType: 'application/json' });
