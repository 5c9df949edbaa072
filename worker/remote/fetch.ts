/** A set in the object store -> a folder of the local cache, checked byte by byte on the way. */
import { createHash } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { sha256 } from '../../shared/results/content.ts';
import type { Store } from '../../shared/store/store.ts';
import { formatSize } from '../byteSize.ts';
import { hasEnded, ownMark } from '../owner.ts';
import { RemoteModelError } from './errors.ts';
import { partKey, type StoredFile, type StoredSet } from './storedSet.ts';

const PARTIAL = '.partial-';
/** Files that are written together differ by less. */
const SLACK_MILLISECONDS = 2_000;

export const bytesOf = ({ files }: StoredSet): number =>
  files.reduce((sum, { bytes }) => sum + bytes, 0);

/** The set's folder in the cache: another one for each version. */
export const cachedFolder = (cache: string, { set }: StoredSet): string =>
  join(cache, `${set.id}@${set.digest.slice(0, 16)}`);

async function assertRoom(cache: string, bytes: number): Promise<void> {
  const { blocks, bavail, bsize } = await statfs(cache);
  // Some network file systems do not tell.
  if (blocks === 0 || bytes <= bavail * bsize) return;
  throw new RemoteModelError(
    `${cache}: ${formatSize(bytes)} are to be written, ${formatSize(bavail * bsize)} are free`,
  );
}

async function fetchFile(
  store: Store,
  { path, bytes, sha256: expected, parts }: StoredFile,
  folder: string,
  signal: AbortSignal,
): Promise<void> {
  const file = join(folder, path);
  await mkdir(dirname(file), { recursive: true });
  const whole = createHash('sha256');
  const handle = await open(file, 'wx');
  let written = 0;
  try {
    for (const name of parts) {
      signal.throwIfAborted();
      const part = await store.get(partKey(name));
      if (!part)
        throw new RemoteModelError(`${path}: part ${name} is not in the store, or damaged`);
      const actual = await sha256(part.body);
      if (actual !== name)
        throw new RemoteModelError(`${path}: part ${name} has the digest ${actual}`);
      whole.update(part.body);
      await handle.writeFile(part.body);
      written += part.body.byteLength;
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
  const actual = whole.digest('hex');
  if (written !== bytes || actual !== expected)
    throw new RemoteModelError(
      `${path}: ${written} bytes with the digest ${actual}, ${bytes} with ${expected} in the index`,
    );
}

/** Descriptions last: files younger than theirs would be read again before they are loaded. */
const inOrder = (files: readonly StoredFile[]): StoredFile[] => {
  const isDescription = ({ path }: StoredFile): boolean => path.endsWith('.json');
  return [...files].sort((a, b) => Number(isDescription(a)) - Number(isDescription(b)));
};

/** Removes what ended processes have left unfinished, and other versions of the set. */
async function tidy(cache: string, stored: StoredSet): Promise<void> {
  const kept = cachedFolder(cache, stored);
  for (const name of await readdir(cache)) {
    const at = name.lastIndexOf(PARTIAL);
    const isLeft = at >= 0 && hasEnded(name.slice(at + PARTIAL.length));
    const isOther = at < 0 && name.startsWith(`${stored.set.id}@`) && join(cache, name) !== kept;
    // What is in memory stays there: its files live on without names.
    if (isLeft || isOther) await rm(join(cache, name), { recursive: true, force: true });
  }
}

/** Whether all files are there as they were fetched: of their sizes, and not written to afterwards. */
async function isWhole(folder: string, { files }: StoredSet): Promise<boolean> {
  try {
    // It was written last.
    const { mtimeMs: fetched } = await stat(join(folder, 'set.json'));
    for (const { path, bytes } of files) {
      const { size, mtimeMs } = await stat(join(folder, path));
      if (size !== bytes || mtimeMs > fetched + SLACK_MILLISECONDS) return false;
    }
    return true;
  } catch {
    return false;
  }
}

/**
 * The set's folder, fetched unless it is there as a whole.
 * @throws RemoteModelError naming the file and what is wrong; the store's errors; the signal's reason
 */
export async function fetchSet(
  store: Store,
  stored: StoredSet,
  cache: string,
  signal: AbortSignal,
): Promise<string> {
  const folder = cachedFolder(cache, stored);
  if (await isWhole(folder, stored)) return folder;
  await mkdir(cache, { recursive: true });
  await tidy(cache, stored);
  await assertRoom(cache, bytesOf(stored));
  const partial = `${folder}${PARTIAL}${ownMark()}`;
  await rm(partial, { recursive: true, force: true });
  try {
    for (const file of inOrder(stored.files)) await fetchFile(store, file, partial, signal);
    if (!(await isWhole(folder, stored))) await rm(folder, { recursive: true, force: true });
    // Another process may have been faster: what it has put there is the same.
    await rename(partial, folder).catch((error: unknown) => {
      if (!(error instanceof Error && 'code' in error)) throw error;
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    });
    return folder;
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}
