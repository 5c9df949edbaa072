/**
 * `npm run build:client`: the package that callers install, `dist/client`, and what `npm publish` would send,
 * `dist/client/*.tgz`. It has one module, one file of types, and no dependency.
 */
import { spawnSync } from 'node:child_process';
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import { repositoryRoot } from '../paths.ts';
import { declarationsOf } from './declarations.ts';

const NAME = '@4m-edge/client';
const out = join(repositoryRoot, 'dist/client');
const folder = join(out, 'package');

const manifestOf = (version: string, license: string) => ({
  name: NAME,
  version,
  description: 'Client of 4M Edge: pictures, depth, captions and vectors from any inputs.',
  license,
  type: 'module',
  sideEffects: false,
  engines: { node: '>=18' },
  main: './index.js',
  types: './index.d.ts',
  exports: {
    '.': { types: './index.d.ts', default: './index.js' },
    './package.json': './package.json',
  },
  files: ['index.js', 'index.d.ts'],
});

await rm(out, { recursive: true, force: true });
await mkdir(folder, { recursive: true });
const own = JSON.parse(await readFile(join(repositoryRoot, 'package.json'), 'utf8'));
await build({
  entryPoints: [join(repositoryRoot, 'shared/client/index.ts')],
  outfile: join(folder, 'index.js'),
  bundle: true,
  format: 'esm',
  target: 'es2022',
  charset: 'utf8',
  // For Deno, which otherwise finds no types beside a module that it gets by an address.
  banner: { js: '// @ts-self-types="./index.d.ts"' },
});
const types = await declarationsOf(join(repositoryRoot, 'dist/shared/client/index.d.ts'));
await writeFile(join(folder, 'index.d.ts'), types);
const manifest = manifestOf(own.version, own.license);
await writeFile(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
await copyFile(join(repositoryRoot, 'LICENSE'), join(folder, 'LICENSE'));
await copyFile(join(repositoryRoot, 'shared/client/README.md'), join(folder, 'README.md'));

const packed = spawnSync('npm', ['pack', '--silent', '--pack-destination', out], {
  cwd: folder,
  encoding: 'utf8',
});
if (packed.status !== 0) throw new Error(`npm pack failed:\n${packed.stderr}`);
console.log(`${NAME} ${own.version}: ${join(out, packed.stdout.trim())}`);
