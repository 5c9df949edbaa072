/** Blobs in a folder of this machine: a file each, written aside and moved into its place. */
import { createReadStream } from 'node:fs';
import { open, readdir, rename, stat, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { BlobInfo, Blobs } from './blobs.ts';
import { isCode, openAside, removeWithin, settle, within } from './diskFiles.ts';
import { keyOfPath, pathOf } from './diskPaths.ts';
import { assertKey } from './store.ts';

async function* filesUnder(root: string, folder: string): AsyncGenerator<string> {
  const entries = await readdir(join(root, folder), { withFileTypes: true }).catch((error) => {
    if (isCode(error, 'ENOENT')) return [];
    throw error;
  });
  for (const entry of entries) {
    const inside = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) yield* filesUnder(root, inside);
    else yield inside;
  }
}

/**
 * @param folder of the store
 * @param aside where files are written first; whoever sweeps it removes what a killed process left
 */
export function createDiskBlobs(folder: string, aside: string): Blobs {
  const root = join(folder, 'blobs');
  const fileOf = (key: string): string => {
    assertKey(key);
    return join(root, pathOf(key));
  };

  async function info(key: string): Promise<BlobInfo | undefined> {
    try {
      const { size, mtimeMs } = await stat(fileOf(key));
      return { key, size, modified: mtimeMs };
    } catch (error) {
      if (isCode(error, 'ENOENT') || isCode(error, 'ENOTDIR')) return undefined;
      throw error;
    }
  }

  return {
    info,
    async write(key, source) {
      const file = fileOf(key);
      const written = await openAside(aside);
      try {
        if (source instanceof Uint8Array) await written.write(source);
        else for await (const piece of source) await written.write(piece);
        await written.finish();
        await within(dirname(file), () => rename(written.file, file));
        await settle(file);
      } finally {
        await written.discard();
      }
    },
    async read(key, from = 0) {
      try {
        // Opened here, so that what is not there is known before the first piece.
        const handle = await open(fileOf(key));
        return createReadStream('', { fd: handle, start: from, highWaterMark: 262_144 });
      } catch (error) {
        if (isCode(error, 'ENOENT') || isCode(error, 'ENOTDIR')) return undefined;
        throw error;
      }
    },
    async touch(key) {
      const now = new Date();
      await utimes(fileOf(key), now, now).catch((error: unknown) => {
        if (!isCode(error, 'ENOENT')) throw error;
      });
    },
    async delete(key) {
      await removeWithin(root, fileOf(key));
    },
    async *list(prefix) {
      // Only the folders that the prefix names in full can be skipped to.
      const whole = prefix.slice(0, prefix.lastIndexOf('/') + 1);
      const start = whole === '' ? '' : `${pathOf(whole.slice(0, -1))}+`;
      for await (const path of filesUnder(root, start)) {
        const key = keyOfPath(path);
        const found = key.startsWith(prefix) ? await info(key) : undefined;
        if (found) yield found;
      }
    },
  };
}
