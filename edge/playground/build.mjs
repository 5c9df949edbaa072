// Bundles the playground into one HTML string that both runtimes can import: no files to serve, and a
// content security policy that names the hashes of the one script and the one style.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const examplesFolder = join(here, '..', '..', 'examples');

const examplePictures = ['scene-1.png', 'scene-2.png', 'scene-3.png', 'scene-4.png']
  .map((name) => ({ name, file: join(examplesFolder, name) }))
  .filter(({ file }) => existsSync(file))
  .map(({ name, file }) => ({
    name,
    path: `examples/${name}`,
    url: `data:image/png;base64,${readFileSync(file).toString('base64')}`,
  }));

const bundle = async (entry, options = {}) => {
  const { outputFiles } = await build({
    entryPoints: [join(here, entry)],
    bundle: true,
    minify: true,
    target: 'es2022',
    // Bytes outside ASCII stay readable in any encoding, so the hash is that of what browsers see.
    charset: 'ascii',
    write: false,
    ...options,
  });
  return outputFiles[0].text.trim();
};

const hash = (text) => `sha256-${createHash('sha256').update(text).digest('base64')}`;

const script = await bundle('main.ts', {
  format: 'iife',
  define: { EXAMPLE_PICTURES: JSON.stringify(examplePictures) },
});
const style = await bundle('style.css');
const html = readFileSync(join(here, 'page.html'), 'utf8')
  .replace('<!-- style -->', () => `<style>${style}</style>`)
  .replace('<!-- script -->', () => `<script>${script}</script>`);

const policy = [
  "default-src 'none'",
  `script-src '${hash(script)}'`,
  `style-src '${hash(style)}'`,
  "img-src 'self' data: blob:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const assets = {
  playgroundHtml: html,
  playgroundScriptHash: hash(script),
  playgroundStyleHash: hash(style),
  playgroundCsp: policy,
};
const lines = Object.entries(assets).map(
  ([name, value]) => `export const ${name}: string = ${JSON.stringify(value)};\n`,
);
writeFileSync(
  join(here, 'assets.gen.ts'),
  `// Written by build.mjs; edit the sources beside it.\n${lines.join('')}`,
);
