/** A lock that is a file with the holder's mark: one of a process that has died holds nobody up. */
import { link, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { hasEnded, ownMark, processOf } from '../worker/owner.ts';

const RETRY_MS = 200;

/** A file appears with its content, or not at all. */
async function take(file: string): Promise<boolean> {
  const own = `${file}.${ownMark()}`;
  await writeFile(own, ownMark());
  try {
    await link(own, file);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(own, { force: true });
  }
}

/** Moves a dead holder's lock away; another process may have done so, and taken the lock, meanwhile. */
async function removeStale(file: string, holder: string): Promise<void> {
  const aside = `${file}.${ownMark()}`;
  await rename(file, aside).catch(() => {});
  const moved = await readFile(aside, 'utf8').catch(() => holder);
  if (moved !== holder) await link(aside, file).catch(() => {});
  await rm(aside, { force: true });
}

/** What processes that were killed while they took the lock have left beside it. */
async function removeAside(file: string): Promise<void> {
  const beginning = `${basename(file)}.`;
  for (const name of await readdir(dirname(file))) {
    if (name.startsWith(beginning) && hasEnded(name.slice(beginning.length))) {
      await rm(join(dirname(file), name), { force: true });
    }
  }
}

/**
 * Runs `work` while no other process holds the lock.
 * @param onWait told once, with the number of the process that holds it
 */
export async function withLock<T>(
  file: string,
  work: () => Promise<T>,
  onWait: (pid: string) => void,
): Promise<T> {
  let told = false;
  while (!(await take(file))) {
    const holder = await readFile(file, 'utf8').catch(() => undefined);
    if (holder === undefined) continue;
    if (hasEnded(holder)) {
      await removeStale(file, holder);
      continue;
    }
    if (!told) onWait(processOf(holder));
    told = true;
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
  try {
    await removeAside(file);
    return await work();
  } finally {
    await rm(file, { force: true });
  }
}
