// `node bundleEdge.mjs FOLDER`: the edge's Node entry and all that it imports as one file, with its pages and the command
// that makes keys beside it, after `npm run build`.
import { cpSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const [folder] = process.argv.slice(2);
if (!folder) {
  console.error('usage: node bundleEdge.mjs FOLDER');
  process.exit(2);
}
await build({
  entryPoints: {
    edge: join(root, 'dist/edge/node.js'),
    keys: join(root, 'dist/infra/keys/cli.js'),
  },
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  sourcemap: 'linked',
  outdir: folder,
  outExtension: { '.js': '.mjs' },
  // Packages in CommonJS call `require`, which modules do not have.
  banner: {
    js: "import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url);",
  },
});
cpSync(join(root, 'dist/edge/assets'), join(folder, 'assets'), { recursive: true });
writeFileSync(join(folder, 'package.json'), '{ "type": "module" }\n');
