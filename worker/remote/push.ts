/** An exported set -> the object store. */
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { relative } from 'node:path';
import { canonicalJson, sha256 } from '../../shared/results/content.ts';
import type { Store } from '../../shared/store/store.ts';
import { assertContents } from '../registry/contents.ts';
import { readSetFolder, setFiles } from '../session/setFolder.ts';
import { RemoteModelError } from './errors.ts';
import {
  indexKey,
  isStorableId,
  PART_BYTES,
  partKey,
  type StoredFile,
  type StoredSet,
  storedSetSchema,
} from './storedSet.ts';

/** @param onPart told of the bytes of each part, after it is stored */
async function pushFile(
  store: Store,
  file: string,
  path: string,
  onPart: (bytes: number) => void,
): Promise<StoredFile> {
  const whole = createHash('sha256');
  const parts: string[] = [];
  let bytes = 0;
  const handle = await open(file);
  try {
    for (;;) {
      const buffer = new Uint8Array(PART_BYTES);
      const { bytesRead } = await handle.read(buffer, 0, PART_BYTES, bytes);
      if (bytesRead === 0) break;
      const part = buffer.subarray(0, bytesRead);
      const name = await sha256(part);
      whole.update(part);
      parts.push(name);
      bytes += bytesRead;
      // A part that is there has this content, as its name says.
      await store.put(partKey(name), part, { ifNoneMatch: '*' });
      onPart(bytesRead);
    }
  } finally {
    await handle.close();
  }
  return { path, bytes, sha256: whole.digest('hex'), parts };
}

/**
 * Stores a set; an earlier one of its id is replaced, and its parts stay.
 * @param folder holds `set.json`
 * @throws SessionError where the folder is not as it was exported; RemoteModelError; the store's errors
 */
export async function pushSet(
  store: Store,
  folder: string,
  onPart: (bytes: number) => void = () => {},
): Promise<StoredSet> {
  const read = await readSetFolder(folder);
  const { set, fm, tokenizers } = read;
  if (!isStorableId(set.id))
    throw new RemoteModelError(
      `${folder}: the id ${set.id} has other characters than letters, digits, - _ and .; export it with --name`,
    );
  await assertContents(read, new AbortController().signal, 'all');
  const files: StoredFile[] = [];
  for (const file of await setFiles(read))
    files.push(await pushFile(store, file, relative(read.home, file), onPart));
  const stored: StoredSet = storedSetSchema.parse({
    format: 1,
    set,
    fm: fm.manifest,
    tokenizers: Object.fromEntries(
      Object.entries(tokenizers).map(([stem, { manifest }]) => [stem, manifest]),
    ),
    files,
  });
  const body = new TextEncoder().encode(canonicalJson(stored));
  await store.put(indexKey(set.id), body, { contentType: 'application/json' });
  return stored;
}
