// One build for everything: bundle the playground into a module both runtimes can import, then compile.
import './preflight.mjs';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

const run = (command, args) => {
  const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
};

const playground = join(root, 'edge/playground/build.mjs');
if (existsSync(playground)) run(process.execPath, [playground]);
run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', '.']);
