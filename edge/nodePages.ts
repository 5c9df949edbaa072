/** Pages on Node: read once, when the edge starts. */
import { readFile } from 'node:fs/promises';
import { present } from '../shared/lookup.ts';
import { type OpenPage, PAGES } from './pages/pages.ts';

/** Beside the compiled edge, and beside the one file of an image. */
const FOLDER = new URL('./assets/', import.meta.url);

/** @throws Error when a page is not built */
export async function readPages(): Promise<OpenPage> {
  const read = Object.values(PAGES).map(async ({ file }) => {
    const bytes = await readFile(new URL(file, FOLDER)).catch((cause: unknown) => {
      throw new Error(`the page ${file} is not built: run npm run build`, { cause });
    });
    return [file, new Uint8Array(bytes)] as const;
  });
  const pages = new Map<string, Uint8Array<ArrayBuffer>>(await Promise.all(read));
  return async (file) => present(pages.get(file), `the page ${file}`);
}
