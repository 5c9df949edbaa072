// One build for everything: the pages that the edge serves, then the compiler. With
// `--start` a clone that was never compiled is translated only: checking the types of all of it takes a quarter of a
// minute, for which nobody should wait who wants to see it run. Once it has been compiled, the compiler is as fast.
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

run(process.execPath, [join(root, 'edge/pages/build.mjs')]);
const isCompiled = existsSync(join(root, 'dist/.tsbuildinfo'));
if (process.argv.includes('--start') && !isCompiled) {
  const { translate } = await import('./translate.mjs');
  await translate();
} else run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', '.']);
