/** File work of an export: written aside and renamed, so that a folder is either whole or not there. */
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, rmdirSync, rmSync, type StatsFs } from 'node:fs';
import {
  copyFile,
  link,
  lstat,
  mkdir,
  readdir,
  realpath,
  rename,
  rm,
  stat,
  statfs,
} from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { hasEnded, ownMark } from '../owner.ts';
import { ExportError } from './errors.ts';
import { asGiven, codeOf, writingError } from './writingError.ts';

export const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/** What to do, in order, so that nothing half-written is left of the folders being written now. */
const unfinished = new Set<() => void>();

/** Marks a folder that is being written: after its name come the writer's mark and a random number. */
const PARTIAL = '.partial-';

/**
 * Has `write` fill a new folder, which appears under its own name only when it is complete. What killed
 * processes have left of the same folder is removed first.
 * @throws ExportError `output_exists`, `disk_full`, `cannot_write`, and whatever else `write` throws, after
 *   its leftovers are removed
 */
export async function writeFolder<T>(
  folder: string,
  write: (partial: string) => Promise<T>,
): Promise<T> {
  await removeLeftovers(dirname(folder), basename(folder));
  await refuseExisting(folder);
  const partial = `${folder}${PARTIAL}${ownMark()}-${randomBytes(4).toString('hex')}`;
  let firstNew: string | undefined;
  const undo = () => {
    try {
      rmSync(partial, { recursive: true, force: true, maxRetries: 5 });
      removeEmpty(dirname(folder), firstNew);
    } catch {
      // What cannot be removed stays, under a name that says what it is; the first error is the one to tell.
    }
  };
  unfinished.add(undo);
  try {
    firstNew = await mkdir(dirname(folder), { recursive: true });
    await mkdir(partial);
    const result = await write(partial);
    // Renaming replaces an empty folder without a word; one with files in it stops the rename itself.
    await refuseExisting(folder);
    await rename(partial, folder);
    return result;
  } catch (error) {
    undo();
    if (['EEXIST', 'ENOTEMPTY'].includes(codeOf(error) ?? '')) await refuseExisting(folder);
    throw writingError(folder, error) ?? error;
  } finally {
    unfinished.delete(undo);
  }
}

/**
 * Removes the unfinished folders of processes that have ended; those of running ones stay.
 * @param of the name of the folder that they were to become; absent for all in `parent`
 */
export async function removeLeftovers(parent: string, of?: string): Promise<void> {
  const names = await readdir(parent).catch((): string[] => []);
  for (const name of names) {
    const at = name.lastIndexOf(PARTIAL);
    if (at < 0 || (of !== undefined && name.slice(0, at) !== of)) continue;
    const mark = name.slice(at + PARTIAL.length).replace(/-[^-]*$/, '');
    if (!hasEnded(mark)) continue;
    // What cannot be removed is in nobody's way.
    await rm(join(parent, name), { recursive: true, force: true }).catch(() => undefined);
  }
}

/** A link that leads nowhere is in the way as well. */
async function refuseExisting(folder: string): Promise<void> {
  const isThere = await lstat(folder).then(
    () => true,
    () => false,
  );
  if (isThere) throw new ExportError('output_exists', `${folder} exists already`);
}

/** Removes the parent folders that were made for the output, from the innermost up to the first one made. */
function removeEmpty(innermost: string, firstNew: string | undefined): void {
  if (firstNew === undefined) return;
  // Stops with an error where somebody else has put something.
  for (let path = innermost; path.startsWith(firstNew); path = dirname(path)) rmdirSync(path);
}

/**
 * For entry files: SIGINT, SIGTERM and SIGHUP end the process as they would, but remove what
 * `writeFolder` has not finished first.
 */
export function removeUnfinishedOnSignals(): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.once(signal, () => {
      for (const undo of unfinished) undo();
      process.kill(process.pid, signal);
    });
}

/**
 * Checks, before anything is written, whether there is room.
 * @param folder need not exist; what counts is the disk of the nearest folder above it that does
 * @throws ExportError `disk_full`
 */
export async function assertSpace(folder: string, bytes: number): Promise<void> {
  const { blocks, bavail, bsize } = await statfsAbove(folder);
  // Some network file systems do not tell.
  if (blocks === 0 || bavail * bsize >= bytes) return;
  throw new ExportError(
    'disk_full',
    `${asGiven(folder)}: ${bytes.toLocaleString('en')} bytes are to be written, ${(bavail * bsize).toLocaleString('en')} are free; free some space or choose a folder on another disk`,
  );
}

async function statfsAbove(path: string): Promise<StatsFs> {
  try {
    return await statfs(path);
  } catch (error) {
    const isMissing = ['ENOENT', 'ENOTDIR'].includes(codeOf(error) ?? '');
    if (isMissing && dirname(path) !== path) return statfsAbove(dirname(path));
    throw error;
  }
}

/**
 * A hard link where the file system allows one, as it costs no space; otherwise a copy. Links in `from`
 * are followed first: the system would make a second link to the link, which leads out of the folder.
 * @throws ExportError `disk_full`
 */
export async function linkOrCopy(from: string, to: string): Promise<void> {
  const file = await realpath(from);
  try {
    await link(file, to);
  } catch {
    await assertSpace(to, (await stat(file)).size);
    await copyFile(file, to);
  }
}

/**
 * sha256 in hex over the files' contents, in the order given, read in pieces.
 * @param onProgress is called with the share that is done
 * @param look is called with every piece, its file and its position there
 */
export async function digestFiles(
  files: readonly string[],
  onProgress: (share: number) => void = () => {},
  look: (file: string, position: number, piece: Uint8Array) => void = () => {},
): Promise<string> {
  const sizes = await Promise.all(files.map(async (file) => (await stat(file)).size));
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const hash = createHash('sha256');
  let done = 0;
  for (const file of files) {
    let position = 0;
    for await (const piece of createReadStream(file, { highWaterMark: 2 ** 20 })) {
      look(file, position, piece);
      hash.update(piece);
      position += piece.length;
      done += piece.length;
      onProgress(done / total);
    }
  }
  return hash.digest('hex');
}

export const digestText = (text: string): string => createHash('sha256').update(text).digest('hex');
