/** One pull at a time writes to a folder: two would continue the same unfinished files. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hasEnded, ownMark, processOf } from '../owner.ts';
import { HubError } from './errors.ts';

const CLAIM = '.pulling';

/**
 * Has `work` be the only pull of this folder. What a killed process claimed is free again.
 * @throws HubError `busy` where another process is pulling into it, and whatever `work` throws
 */
export async function claimed<T>(folder: string, work: () => Promise<T>): Promise<T> {
  const place = join(folder, CLAIM);
  const writer = await readFile(place, 'utf8').catch(() => undefined);
  if (writer !== undefined && hasEnded(writer)) await rm(place, { force: true });
  try {
    await writeFile(place, ownMark(), { flag: 'wx' });
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause && cause.code === 'EEXIST')) throw cause;
    throw new HubError(
      'busy',
      `${folder}: process ${processOf(writer ?? '')} is pulling into it; wait for it, choose another --out, or delete ${place} if no such process runs`,
      { cause },
    );
  }
  try {
    return await work();
  } finally {
    await rm(place, { force: true });
  }
}
