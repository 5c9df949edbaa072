// Translates every TypeScript file of the product to JavaScript in dist/, in a second or two and without checking a
// type: what `npm start` needs of a fresh clone. `npm run build` checks and compiles.
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const ROOMS = ['edge', 'worker', 'shared', 'infra'];

const isSource = (name) => name.endsWith('.ts') && !name.endsWith('.d.ts');
const entryPoints = ROOMS.flatMap((room) =>
  readdirSync(join(root, room), { recursive: true })
    .filter(isSource)
    .map((name) => join(root, room, name)),
);

/** Files stay files, as the compiler leaves them: threads and processes are started by their paths. */
const unbundled = {
  name: 'unbundled',
  setup({ onResolve }) {
    onResolve({ filter: /^\./ }, ({ path, kind }) =>
      kind === 'entry-point' ? undefined : { path: path.replace(/\.ts$/, '.js'), external: true },
    );
  },
};

/** @param outdir where the JavaScript goes, in the same folders */
export async function translate(outdir = join(root, 'dist')) {
  await build({
    entryPoints,
    outdir,
    outbase: root,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'es2022',
    packages: 'external',
    sourcemap: true,
    plugins: [unbundled],
    logLevel: 'warning',
  });
}
