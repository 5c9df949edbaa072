/** Puts bytes that lie in the store into a request that names them. */
import { refusal } from '../../shared/api/problem.ts';
import { readStoredInput } from '../../shared/api/takeInput.ts';
import type { Store } from '../../shared/store/store.ts';
import { readKept } from '../../shared/uploads/kept.ts';

/** What is read once, however often the request names it. */
type Found = Map<string, Promise<string>>;

async function readStored(store: Store | undefined, text: string): Promise<string> {
  const named = readStoredInput(text);
  const bytes = store && named && (await readKept(store, 'inputs', named.tenant, named.sha256));
  if (bytes)
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
  const detail = store
    ? 'the bytes of an input are no longer in the store; give them again'
    : 'this worker does not have the store in which the bytes of an input lie; start it with the FOURM_STORE of the edge';
  // Another worker may have them.
  throw refusal('not_ready', detail, undefined, { retryAfterSeconds: 1 });
}

/** Fields that hold base64, in which a name can stand for bytes. */
const FILE_FIELDS: readonly string[] = ['data', 'mask'];
/** Fields that hold much, and no file. */
const PASSED_OVER: readonly string[] = ['tokens', 'value', 'vector'];

async function fillIn(value: unknown, store: Store | undefined, found: Found): Promise<unknown> {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    if (typeof value[0] === 'number') return value;
    const filled: unknown[] = [];
    for (const item of value) filled.push(await fillIn(item, store, found));
    return filled;
  }
  const entries: [string, unknown][] = [];
  for (const [key, field] of Object.entries(value)) {
    const isFile = typeof field === 'string' && FILE_FIELDS.includes(key) && readStoredInput(field);
    if (isFile) {
      const reading = found.get(field) ?? readStored(store, field);
      found.set(field, reading);
      entries.push([key, await reading]);
    } else
      entries.push([key, PASSED_OVER.includes(key) ? field : await fillIn(field, store, found)]);
  }
  return Object.fromEntries(entries);
}

/** The names that stand for bytes are few, so most requests stay as they are. */
function namesBytes(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(value)) return typeof value[0] !== 'number' && value.some(namesBytes);
  return Object.entries(value).some(([key, field]) =>
    typeof field === 'string'
      ? FILE_FIELDS.includes(key) && readStoredInput(field) !== undefined
      : !PASSED_OVER.includes(key) && namesBytes(field),
  );
}

/** @throws FailureError `not_ready` where the bytes are not to be had here */
export async function fillStored<T>(request: T, store: Store | undefined): Promise<T> {
  if (!namesBytes(request)) return request;
  return (await fillIn(request, store, new Map())) as T;
}
