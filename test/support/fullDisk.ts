/**
 * Fills the disk store of a folder on a small disk, and prints as JSON what became of it. Run by
 * `diskStore.test.ts`, in a place of its own where such a disk is mounted.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createDiskStore } from '../../shared/store/disk.ts';

export interface FullDiskReport {
  /** Keys whose write was said to have succeeded. */
  readonly stored: string[];
  /** Those among them that are read back with all their bytes. */
  readonly readable: string[];
  /** Why writes were refused. */
  readonly reasons: string[];
  readonly leftAside: string[];
  readonly worksAfterwards: boolean;
}

const SIZE = 45_619;
const bodyOf = (index: number): Uint8Array<ArrayBuffer> => new Uint8Array(SIZE).fill(index + 1);
const isWhole = (body: Uint8Array | undefined, index: number): boolean =>
  body?.length === SIZE && body.every((byte) => byte === index + 1);

async function fill(folder: string): Promise<FullDiskReport> {
  const store = createDiskStore(folder);
  const stored: string[] = [];
  const reasons: string[] = [];
  for (let index = 0; index < 8; index++) {
    const key = `results/${index}.json`;
    try {
      const put = await store.put(key, bodyOf(index), { ifNoneMatch: '*' });
      if (put.ok) stored.push(key);
    } catch (error) {
      reasons.push(error instanceof Error ? error.message : String(error));
    }
  }
  const readable: string[] = [];
  for (let index = 0; index < 8; index++) {
    const key = `results/${index}.json`;
    if (isWhole((await store.get(key))?.body, index)) readable.push(key);
  }
  const leftAside = await readdir(join(folder, 'aside'));
  for (const key of stored) await store.delete(key);
  const worksAfterwards = (await store.put('results/0.json', bodyOf(0))).ok;
  return { stored, readable, reasons, leftAside, worksAfterwards };
}

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('the folder is missing');
console.log(JSON.stringify(await fill(folder)));
