/** What an old Node, or a folder without its packages, gets to read: one line that says what to do. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { repositoryRoot } from '../../infra/paths.ts';

/** Runs the check in a folder that asks for a version of Node. */
async function check(range: string): Promise<{ status: number | null; lines: string[] }> {
  const folder = await mkdtemp(join(tmpdir(), '4m-preflight-'));
  try {
    await mkdir(join(folder, 'infra'));
    await copyFile(
      join(repositoryRoot, 'infra/preflight.mjs'),
      join(folder, 'infra/preflight.mjs'),
    );
    await writeFile(join(folder, 'package.json'), JSON.stringify({ engines: { node: range } }));
    const { status, stderr } = spawnSync(process.execPath, [join(folder, 'infra/preflight.mjs')], {
      encoding: 'utf8',
    });
    return { status, lines: stderr.trim().split('\n') };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

test('a Node that is too old is named, with the version that is needed', async () => {
  const { status, lines } = await check('>=99.1');
  assert.equal(status, 1);
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? '', new RegExp(`needs Node 99\\.1 or newer.*${process.versions.node}`));
});

test('missing packages are told with the command that installs them', async () => {
  const { status, lines } = await check('>=20.19');
  assert.equal(status, 1);
  assert.deepEqual(lines, ['the packages are not installed: run npm ci first']);
});
