/** Files that are on the disk when a write says so: written in full, synced, and moved into place. */
import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, rm, rmdir, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** Whether an error is the file system's, of that kind. */
export const isCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code;

/** Names what this process writes. A process identifier comes again, so a random part tells them apart. */
const OWN = `${process.pid}-${randomUUID().slice(0, 8)}`;
/** No write takes so long: what is older was left by a process that has gone. */
const LEFT_AFTER_MS = 3_600_000;

/** Makes what a folder lists last: without it, a power cut may forget a file that is itself synced. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes a folder that lasts. */
export async function makeFolder(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true });
  if (first === undefined) return;
  for (let parent = folder; parent.length >= first.length; parent = dirname(parent)) {
    await syncFolder(dirname(parent));
  }
}

/** Times that a folder is made which others remove at once, since it is empty still. */
const TRIES = 20;

/**
 * Does what needs a folder, which nearly always is there: it is made, to last, when it turns out to be missing.
 * @throws what the work throws
 */
export async function within<T>(folder: string, work: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      if (tries > 0) await makeFolder(folder);
      return await work();
    } catch (error) {
      if (!isCode(error, 'ENOENT') || tries === TRIES) throw error;
    }
  }
}

/** Makes a change within a folder last: a file that was moved into it. One that was removed since needs it no more. */
export async function settle(file: string): Promise<void> {
  try {
    await syncFolder(dirname(file));
  } catch (error) {
    if (!isCode(error, 'ENOENT')) throw error;
  }
}

/** Removes a folder and those around it, as long as they are empty, up to `root`, which stays. */
async function removeEmpty(folder: string, root: string): Promise<void> {
  for (let at = folder; at.length > root.length; at = dirname(at)) {
    try {
      await rmdir(at);
    } catch (error) {
      // Another may have removed it, and may still be at those around it; one that holds something ends the way.
      if (!isCode(error, 'ENOENT')) return;
    }
  }
}

/** Removes a file, if it is there, and the folders that were made for it: listings go through every one that is left. */
export async function removeWithin(root: string, file: string): Promise<void> {
  await removeFile(file);
  await removeEmpty(dirname(file), root);
}

/** Removes a file, if it is there: in one step, where `rm` looks at it before. */
export async function removeFile(file: string): Promise<void> {
  try {
    await unlink(file);
  } catch (error) {
    if (!isCode(error, 'ENOENT')) throw error;
  }
}

/** A file that is not in its place yet. */
export interface FileAside {
  readonly file: string;
  /** @throws Error with the file system's reason: a full disk takes a part of a write before it refuses one */
  write(part: Uint8Array): Promise<void>;
  /** Makes it last, and closes it. */
  finish(): Promise<void>;
  /** Closes and removes it, unless it was moved. */
  discard(): Promise<void>;
}

/** A new file of the folder. */
export async function openAside(folder: string): Promise<FileAside> {
  const file = join(folder, `${OWN}-${randomUUID()}`);
  const handle = await within(folder, () => open(file, 'wx'));
  let isOpen = true;
  const close = async (): Promise<void> => {
    if (!isOpen) return;
    isOpen = false;
    await handle.close();
  };
  return {
    file,
    async write(part) {
      for (let at = 0; at < part.length; ) {
        const { bytesWritten } = await handle.write(part, at, part.length - at);
        if (bytesWritten === 0) throw new Error(`${file}: the file system takes no more bytes`);
        at += bytesWritten;
      }
    },
    async finish() {
      await handle.sync();
      await close();
    },
    async discard() {
      await close();
      await rm(file, { force: true });
    },
  };
}

/**
 * Writes parts one after another into a new file of the folder, and syncs it. On failure nothing is left.
 * @returns the file
 * @throws Error with the file system's reason
 */
export async function writeAside(
  folder: string,
  parts: readonly Uint8Array<ArrayBuffer>[],
): Promise<string> {
  const aside = await openAside(folder);
  try {
    for (const part of parts) await aside.write(part);
    await aside.finish();
    return aside.file;
  } catch (error) {
    await aside.discard();
    throw error;
  }
}

/** False when no process of this machine has the identifier. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return !isCode(error, 'ESRCH');
  }
}

/** Removes what processes that have ended left in a folder. */
export async function sweep(folder: string): Promise<void> {
  const names = await readdir(folder).catch((error) => {
    // A folder that is not there, or cannot be, is the first write's to report.
    if (isCode(error, 'ENOENT') || isCode(error, 'ENOTDIR')) return [];
    throw error;
  });
  for (const name of names) {
    if (name.startsWith(OWN)) continue;
    const file = join(folder, name);
    const pid = Number(/^(\d+)-/.exec(name)?.[1] ?? 0);
    // An own identifier with another random part is that of a process before this one.
    const isOthers = pid > 0 && pid !== process.pid && isAlive(pid);
    const written = isOthers ? (await stat(file).catch(() => undefined))?.mtimeMs : undefined;
    if (written !== undefined && Date.now() - written < LEFT_AFTER_MS) continue;
    await rm(file, { force: true });
  }
}
