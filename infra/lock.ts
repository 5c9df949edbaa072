/** A lock that is a file with the holder's process id: one of a process that has died holds nobody up. */
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';

const RETRY_MS = 200;

/** Whether a process lives; one of another user counts as alive. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** A file appears with its content, or not at all. */
async function take(file: string): Promise<boolean> {
  const own = `${file}.${process.pid}`;
  await writeFile(own, String(process.pid));
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

/** The process that made one of the files beside a lock, by its name; undefined for every other name. */
export function lockWriterOf(name: string): number | undefined {
  const pid = /\.lock\.(?:stale\.)?(\d+)$/.exec(name)?.[1];
  return pid === undefined ? undefined : Number(pid);
}

/** Moves a dead holder's lock away; another process may have done so, and taken the lock, meanwhile. */
async function removeStale(file: string, holder: string): Promise<void> {
  const aside = `${file}.stale.${process.pid}`;
  await rename(file, aside).catch(() => {});
  const moved = await readFile(aside, 'utf8').catch(() => holder);
  if (moved !== holder) await link(aside, file).catch(() => {});
  await rm(aside, { force: true });
}

/**
 * Runs `work` while no other process holds the lock.
 * @param onWait told once, with the holder's process id
 */
export async function withLock<T>(
  file: string,
  work: () => Promise<T>,
  onWait: (pid: number) => void,
): Promise<T> {
  let told = false;
  while (!(await take(file))) {
    const holder = await readFile(file, 'utf8').catch(() => undefined);
    if (holder === undefined) continue;
    const pid = Number(holder);
    // A process of an earlier container may have had this very id.
    if (pid === process.pid || !isAlive(pid)) {
      await removeStale(file, holder);
      continue;
    }
    if (!told) onWait(pid);
    told = true;
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
  try {
    return await work();
  } finally {
    await rm(file, { force: true });
  }
}
