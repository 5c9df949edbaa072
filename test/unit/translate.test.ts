/** What a fresh clone runs on: every file translated without the compiler. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { after, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { repositoryRoot } from '../../infra/paths.ts';

const compiled = join(repositoryRoot, 'dist');
const ROOMS = ['edge', 'worker', 'shared', 'infra'];

// Inside the repository, so that packages are found.
const folder = await mkdtemp(join(compiled, 'translated-'));
after(() => rm(folder, { recursive: true }));

async function scriptsOf(root: string): Promise<string[]> {
  const rooms = ROOMS.map(async (room) => {
    const names = await readdir(join(root, room), { recursive: true });
    return names.filter((name) => name.endsWith('.js')).map((name) => join(room, name));
  });
  return (await Promise.all(rooms)).flat().sort();
}

test('every file is translated, its imports are files, and programs run', async () => {
  const module = pathToFileURL(join(repositoryRoot, 'infra/translate.mjs')).href;
  const { translate } = (await import(module)) as { translate(outdir: string): Promise<void> };
  await translate(folder);
  const scripts = await scriptsOf(folder);
  // Outputs of files that have gone stay among the compiled ones.
  const known = new Set(await scriptsOf(compiled));
  assert.deepEqual(
    scripts.filter((name) => !known.has(name)),
    [],
  );
  const there = new Set(scripts);
  for (const name of scripts) {
    const code = await readFile(join(folder, name), 'utf8');
    for (const [, path = ''] of code.matchAll(/^(?:import|export) .*?from "(\.[^"]*)";$/gm)) {
      const imported = relative(folder, join(folder, dirname(name), path));
      assert.ok(there.has(imported), `${name} imports ${imported}`);
    }
  }
  const program = join(folder, 'infra/keys/cli.js');
  const { status, stderr, stdout } = spawnSync(process.execPath, [program], { encoding: 'utf8' });
  assert.equal(status, 2);
  assert.match(stdout + stderr, /usage: npm run keys/);
});
