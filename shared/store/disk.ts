/**
 * A store in a folder of this machine. An object is one file: a line of JSON (content type, etag), then
 * the bytes, so that both change together. Writes go to a file aside that is synced and then renamed,
 * or linked where nothing may exist yet, which holds between processes too. `ifMatch` is guarded by a
 * mutex of this process: let one process at a time update objects of a folder conditionally.
 */
import { randomUUID } from 'node:crypto';
import { link, mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { contentEtag, pageOf } from './pages.ts';
import { assertKey, type PutResult, type Store, type StoredObject } from './store.ts';

/** File names are bound to 255 bytes, key segments to 512. */
const CHUNK = 200;
const HEADER_LIMIT = 4096;
/** Outside the key grammar: `+` ends a segment's folder (so `a` and `a/b` coexist), `~` a chunk's. */
const path = (key: string): string =>
  key
    .split('/')
    .map((segment) => (segment.match(new RegExp(`.{1,${CHUNK}}`, 'g')) ?? ['']).join('~/'))
    .join('+/');
const keyOf = (file: string): string => file.replaceAll('~/', '').replaceAll('+/', '/');

const missing = (error: unknown, code = 'ENOENT'): boolean =>
  error instanceof Error && 'code' in error && error.code === code;

/** Full path -> the end of the last write begun on it. */
const writing = new Map<string, Promise<unknown>>();
async function alone<T>(file: string, work: () => Promise<T>): Promise<T> {
  const before = writing.get(file) ?? Promise.resolve();
  const mine = before.then(work, work);
  writing.set(file, mine);
  try {
    return await mine;
  } finally {
    if (writing.get(file) === mine) writing.delete(file);
  }
}

async function readObject(file: string): Promise<StoredObject | undefined> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(file);
  } catch (error) {
    if (missing(error)) return undefined;
    throw error;
  }
  const end = bytes.subarray(0, HEADER_LIMIT).indexOf(10);
  if (end < 0) throw new Error(`stored file ${file} has no header`);
  const header: { contentType: string; etag: string } = JSON.parse(
    new TextDecoder().decode(bytes.subarray(0, end)),
  );
  return { body: new Uint8Array(bytes.subarray(end + 1)), ...header };
}

async function filesUnder(root: string, folder: string): Promise<string[]> {
  const entries = await readdir(join(root, folder), { withFileTypes: true }).catch((error) => {
    if (missing(error)) return [];
    throw error;
  });
  const nested = entries.map((entry) => {
    const inside = folder === '' ? entry.name : `${folder}/${entry.name}`;
    return entry.isDirectory() ? filesUnder(root, inside) : [inside];
  });
  return (await Promise.all(nested)).flat();
}

/** @throws Error (each operation) with the file system's reason when the folder cannot be used */
export function createDiskStore(folder: string): Store {
  const objects = join(folder, 'objects');
  const aside = join(folder, 'aside');
  const fileOf = (key: string): string => {
    assertKey(key);
    return join(objects, path(key));
  };

  async function writeAside(body: Uint8Array, contentType: string, etag: string): Promise<string> {
    await mkdir(aside, { recursive: true });
    const file = join(aside, randomUUID());
    const header = new TextEncoder().encode(`${JSON.stringify({ contentType, etag })}\n`);
    if (header.length > HEADER_LIMIT) throw new Error('content type is too long to store');
    const handle = await open(file, 'wx');
    try {
      await handle.writev([header, body]);
      await handle.sync();
    } finally {
      await handle.close();
    }
    return file;
  }

  const store: Store = {
    kind: 'disk',
    get: async (key) => readObject(fileOf(key)),
    async put(key, given, options = {}): Promise<PutResult> {
      const file = fileOf(key);
      // The caller may reuse its buffer while we write.
      const body = given.slice();
      const etag = await contentEtag(body);
      await mkdir(dirname(file), { recursive: true });
      const written = await writeAside(
        body,
        options.contentType ?? 'application/octet-stream',
        etag,
      );
      try {
        return await alone(file, async () => {
          if (options.ifMatch !== undefined) {
            const present = await readObject(file);
            if (present?.etag !== options.ifMatch)
              return { ok: false, code: 'precondition_failed' };
          }
          if (options.ifNoneMatch) await link(written, file);
          else await rename(written, file);
          return { ok: true, etag };
        });
      } catch (error) {
        if (options.ifNoneMatch && missing(error, 'EEXIST')) {
          return { ok: false, code: 'precondition_failed' };
        }
        throw error;
      } finally {
        await rm(written, { force: true });
      }
    },
    async delete(key) {
      const file = fileOf(key);
      await alone(file, () => rm(file, { force: true }));
    },
    async list(prefix, cursor) {
      // Only the folders that the prefix names in full can be skipped to.
      const whole = prefix.slice(0, prefix.lastIndexOf('/') + 1);
      const start = whole === '' ? '' : `${path(whole.slice(0, -1))}+`;
      const files = await filesUnder(objects, start);
      return pageOf(files.map(keyOf), prefix, cursor);
    },
    async check() {
      const key = 'health/check';
      const result = await store.put(key, new Uint8Array([1]));
      if (!result.ok || !(await store.get(key))) throw new Error(`${folder} lost what was written`);
    },
  };
  return store;
}
