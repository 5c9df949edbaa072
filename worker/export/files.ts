/** File work of an export: written aside and renamed, so that a folder is either whole or not there. */
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { copyFile, link, mkdir, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ExportError } from './errors.ts';

export const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/**
 * Has `write` fill a new folder, which appears under its own name only when it is complete.
 * @throws ExportError `output_exists`, and whatever `write` throws, after its leftovers are removed
 */
export async function writeFolder<T>(
  folder: string,
  write: (partial: string) => Promise<T>,
): Promise<T> {
  if (await exists(folder)) throw new ExportError('output_exists', `${folder} exists already`);
  await mkdir(dirname(folder), { recursive: true });
  const partial = `${folder}.partial-${randomBytes(4).toString('hex')}`;
  await mkdir(partial);
  try {
    const result = await write(partial);
    await rename(partial, folder);
    return result;
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    throw error;
  }
}

/** A hard link where the file system allows one, as it costs no space; otherwise a copy. */
export async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch {
    await copyFile(from, to);
  }
}

/** sha256 in hex over the files' contents, in the order given, read in pieces. */
export async function digestFiles(files: readonly string[]): Promise<string> {
  const hash = createHash('sha256');
  for (const file of files) for await (const piece of createReadStream(file)) hash.update(piece);
  return hash.digest('hex');
}

export const digestText = (text: string): string => createHash('sha256').update(text).digest('hex');
