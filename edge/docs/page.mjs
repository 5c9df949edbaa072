// `/openapi.json` and the page `/docs`, which TypeScript writes from the route table and the examples.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const here = import.meta.dirname;

/** What a TypeScript file of this folder exports. */
async function load(file) {
  const folder = mkdtempSync(join(tmpdir(), 'fourm-docs-'));
  try {
    const outfile = join(folder, 'page.mjs');
    const entryPoints = [join(here, file)];
    await build({ entryPoints, outfile, bundle: true, format: 'esm', platform: 'node' });
    return await import(pathToFileURL(outfile).href);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const { documentText, docsTemplate } = await load('template.ts');
const read = (name) => readFileSync(join(here, '../../examples', name), 'base64');
/** Files that examples name -> what stands for them. */
const files = { 'picture.png': read('scene-1.png'), 'mask.png': read('mask.png') };

export const openapi = { name: 'openapi', json: documentText() };
export const docs = {
  name: 'docs',
  template: await docsTemplate(files),
  script: join(here, 'main.ts'),
  style: join(here, 'style.css'),
};
