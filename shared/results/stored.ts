/** JSON values in the store, each with the schema that it has to fit when it is read. */
import type { z } from 'zod';
import { decodeUtf8, readJson, writeJson } from '../json.ts';
import type { PutConditions, Store, StoredObject } from '../store/store.ts';

/** `unusable`: something lies there that is damaged, or of another form than the schema's. */
export type Found<T> =
  | { readonly state: 'found'; readonly value: T }
  | { readonly state: 'unusable' }
  | { readonly state: 'absent' };

async function parseStored<T>({ body }: StoredObject, schema: z.ZodType<T>): Promise<Found<T>> {
  try {
    const json = await readJson(await decodeUtf8(body));
    const parsed = schema.safeParse(json);
    return parsed.success ? { state: 'found', value: parsed.data } : { state: 'unusable' };
  } catch {
    return { state: 'unusable' };
  }
}

/** @throws Error when the store cannot say */
export async function readStored<T>(
  store: Store,
  key: string,
  schema: z.ZodType<T>,
): Promise<Found<T>> {
  const lookup = await store.look(key);
  if (lookup.state === 'absent') return { state: 'absent' };
  if (lookup.state === 'damaged') return { state: 'unusable' };
  return await parseStored(lookup.object, schema);
}

/**
 * As `readStored`, where the store gives the same object again and again (`store/hot.ts`): each is parsed once. Nobody
 * may change the value, which others have as well.
 */
export function createReader<T>(
  store: Store,
  schema: z.ZodType<T>,
): (key: string) => Promise<Found<T>> {
  const parsed = new WeakMap<StoredObject, Found<T>>();
  return async (key) => {
    const lookup = await store.look(key);
    if (lookup.state === 'absent') return { state: 'absent' };
    if (lookup.state === 'damaged') return { state: 'unusable' };
    const known = parsed.get(lookup.object);
    if (known) return known;
    const found = await parseStored(lookup.object, schema);
    parsed.set(lookup.object, found);
    return found;
  };
}

/** @throws Error when the store cannot keep it */
export const writeStored = async (
  store: Store,
  key: string,
  value: unknown,
  conditions?: PutConditions,
) =>
  await store.put(key, await writeJson(value), {
    contentType: 'application/json',
    ...conditions,
  });
