// Builds each page into one file of `dist/edge/assets`, which Workers serve from their static assets and Node from its
// disk, and writes what the edge has to know of it into `pages.gen.ts`. The content security policy of a page names the
// hashes of its one script and its one style, so that no other runs.
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { build } from 'esbuild';
import { PAGES } from './list.mjs';

const here = import.meta.dirname;
const assets = join(here, '../../dist/edge/assets');

const bundle = async (entry, options = {}) => {
  const { outputFiles } = await build({
    entryPoints: [entry],
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

const hashOf = (text, form) => createHash('sha256').update(text).digest(form);
const source = (text) => (text === undefined ? "'none'" : `'sha256-${hashOf(text, 'base64')}'`);

async function pageOf({ name, html, template, json, script, style, define = {} }) {
  const scriptText = script && (await bundle(script, { format: 'iife', define }));
  const styleText = style && (await bundle(style));
  const text = (json ?? template ?? readFileSync(html, 'utf8'))
    .replace('<!-- style -->', () => (styleText ? `<style>${styleText}</style>` : ''))
    .replace('<!-- script -->', () => (scriptText ? `<script>${scriptText}</script>` : ''));
  const policy = [
    "default-src 'none'",
    `script-src ${source(scriptText)}`,
    `style-src ${source(styleText)}`,
    "img-src 'self' data: blob:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
  const [ending, type] = json ? ['json', 'application/json'] : ['html', 'text/html; charset=UTF-8'];
  const etag = `"${hashOf(text, 'hex')}"`;
  return { name, text, known: { file: `${name}.${ending}`, type, etag, policy } };
}

/** An edge may be reading the file, and a watcher starts anew with each write of it. */
function writeChanged(file, text) {
  if (existsSync(file) && readFileSync(file, 'utf8') === text) return;
  const aside = join(assets, '..', `${basename(file)}.${process.pid}`);
  writeFileSync(aside, text);
  renameSync(aside, file);
}

const pages = await Promise.all(PAGES.map(pageOf));
mkdirSync(assets, { recursive: true });
for (const { text, known } of pages) writeChanged(join(assets, known.file), text);
for (const file of readdirSync(assets))
  if (!pages.some(({ known }) => known.file === file)) rmSync(join(assets, file), { force: true });
const known = Object.fromEntries(pages.map((page) => [page.name, page.known]));
writeChanged(
  join(here, 'pages.gen.ts'),
  `// Written by build.mjs, which names what it is made of.\nexport const PAGES = ${JSON.stringify(known, null, 2)} as const;\n`,
);
