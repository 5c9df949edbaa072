/**
 * A store in a folder of this machine. An object is one file: a line of JSON (content type, digest), then
 * the bytes, so that both change together. Writes go to a file aside that is synced and then renamed,
 * or linked where nothing may exist yet, which holds between processes too. `ifMatch` is guarded by a
 * mutex of this process: let one process at a time update objects of a folder conditionally.
 */
import { link, readdir, readFile, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createAbsent } from './diskAbsent.ts';
import { createDiskBlobs } from './diskBlobs.ts';
import {
  isCode,
  removeFile,
  removeWithin,
  settle,
  sweep,
  within,
  writeAside,
} from './diskFiles.ts';
import { keyOfPath, pathOf } from './diskPaths.ts';
import { pageOf } from './pages.ts';
import type { PutConditions, Store } from './store.ts';
import { createStore, type Log, type Place, type PlacedObject } from './whole.ts';

const HEADER_LIMIT = 4096;
/** A longer one is not copied to be written. */
const SHORT_BODY = 256 * 1024;

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

interface Header {
  readonly contentType: string;
  readonly seal: string;
}

/** The header of a file's bytes; undefined when they have none that can be read. */
function readHeader(bytes: Uint8Array): { header: Header; end: number } | undefined {
  const end = bytes.subarray(0, HEADER_LIMIT).indexOf(10);
  if (end < 0) return undefined;
  try {
    const header: unknown = JSON.parse(new TextDecoder().decode(bytes.subarray(0, end)));
    if (typeof header !== 'object' || header === null) return undefined;
    const { contentType, seal } = header as Partial<Record<string, unknown>>;
    if (typeof contentType !== 'string' || typeof seal !== 'string') return undefined;
    return { header: { contentType, seal }, end };
  } catch {
    return undefined;
  }
}

async function readObject(file: string): Promise<PlacedObject | undefined> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(file);
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined;
    throw error;
  }
  const found = readHeader(bytes);
  if (!found) {
    return { body: new Uint8Array(bytes), contentType: '', etag: '"damaged"', seal: undefined };
  }
  const { header, end } = found;
  return { body: new Uint8Array(bytes.subarray(end + 1)), etag: `"${header.seal}"`, ...header };
}

async function filesUnder(root: string, folder: string): Promise<string[]> {
  const entries = await readdir(join(root, folder), { withFileTypes: true }).catch((error) => {
    if (isCode(error, 'ENOENT')) return [];
    throw error;
  });
  const nested = entries.map((entry) => {
    const inside = folder === '' ? entry.name : `${folder}/${entry.name}`;
    return entry.isDirectory() ? filesUnder(root, inside) : [inside];
  });
  return (await Promise.all(nested)).flat();
}

/** Moves a written file to its place. @returns false when a condition fails */
async function moveInto(file: string, from: string, conditions: PutConditions): Promise<boolean> {
  if (conditions.ifMatch !== undefined) {
    const present = await readObject(file);
    if (present?.etag !== conditions.ifMatch) return false;
  }
  if (!conditions.ifNoneMatch) {
    await rename(from, file);
    return true;
  }
  try {
    await link(from, file);
    return true;
  } catch (error) {
    if (isCode(error, 'EEXIST')) return false;
    throw error;
  }
}

/** @throws Error (each operation) with the file system's reason when the folder cannot be used */
export function createDiskStore(folder: string, log: Log = () => {}): Store {
  const objects = join(folder, 'objects');
  const aside = join(folder, 'aside');
  const isAbsent = createAbsent();
  const fileOf = (key: string): string => join(objects, pathOf(key));
  sweep(aside).catch((error: unknown) => log(`store disk: ${aside} cannot be swept: ${error}`));

  const place: Place = {
    kind: 'disk',
    now: Date.now,
    async read(key) {
      const file = fileOf(key);
      return isAbsent(file) ? undefined : await readObject(file);
    },
    async write(key, body, { contentType, seal, ...conditions }) {
      const file = fileOf(key);
      const header = new TextEncoder().encode(`${JSON.stringify({ contentType, seal })}\n`);
      if (header.length > HEADER_LIMIT) throw new Error('content type is too long to store');
      // Each step of a file waits for a thread, so that a short body goes with its header.
      const parts = body.length > SHORT_BODY ? [header, body] : [Buffer.concat([header, body])];
      const written = await writeAside(aside, parts);
      const move = (): Promise<boolean> => moveInto(file, written, conditions);
      let isMoved = false;
      try {
        const isPlaced = await alone(file, () => within(dirname(file), move));
        isMoved = isPlaced && !conditions.ifNoneMatch;
        if (!isPlaced) return { ok: false, code: 'precondition_failed' };
        await settle(file);
        return { ok: true, etag: `"${seal}"` };
      } finally {
        if (!isMoved) await removeFile(written);
      }
    },
    async delete(key) {
      const file = fileOf(key);
      await alone(file, () => removeWithin(objects, file));
    },
    async list(prefix, cursor, after) {
      // Only the folders that the prefix names in full can be skipped to.
      const whole = prefix.slice(0, prefix.lastIndexOf('/') + 1);
      const start = whole === '' ? '' : `${pathOf(whole.slice(0, -1))}+`;
      const files = await filesUnder(objects, start);
      return pageOf(files.map(keyOfPath), prefix, cursor ?? after);
    },
  };
  return createStore(place, createDiskBlobs(folder, aside), log);
}
