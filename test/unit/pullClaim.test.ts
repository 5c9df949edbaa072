/** Two pulls of one folder, and what a killed one leaves behind. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { claimed } from '../../worker/hub/claim.ts';
import { HubError } from '../../worker/hub/errors.ts';
import { openRecords } from '../../worker/hub/pulled.ts';
import { hasEnded, ownMark } from '../../worker/owner.ts';
import { folderOfEachTest } from '../support/exportTiny.ts';

const folder = folderOfEachTest();

/** A process that claims the folder, says so, and holds it until it is ended. */
async function claimant() {
  const module = new URL('../../worker/hub/claim.js', import.meta.url).href;
  const program = `import { claimed } from ${JSON.stringify(module)};
    await claimed(process.argv[1], async () => {
      console.log('claimed');
      await new Promise((resolve) => setTimeout(resolve, 60000));
    });`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program, folder.path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return child;
}

test('a folder is refused while another process pulls into it, and free once that was killed', async () => {
  const other = await claimant();
  await assert.rejects(
    claimed(folder.path, async () => 1),
    (error) =>
      error instanceof HubError &&
      error.reason === 'busy' &&
      error.message.includes(`process ${other.pid} is pulling into it`),
  );
  other.kill('SIGKILL');
  await once(other, 'exit');
  assert.equal(await claimed(folder.path, async () => 7), 7);
  assert.deepEqual(await readdir(folder.path), []);
});

test('a claim ends with its work, also where that fails', async () => {
  const failing = claimed(folder.path, async () => {
    throw new Error('as it happens');
  });
  await assert.rejects(failing, /as it happens/);
  assert.deepEqual(await readdir(folder.path), []);
});

test('unfinished files that are no longer asked for are removed, the wanted one stays', async () => {
  const records = await openRecords(folder.path);
  for (const name of ['old.safetensors', 'model.safetensors']) {
    await records.begin(name, 'etag');
    await writeFile(join(folder.path, `${name}.partial`), 'half');
  }
  await writeFile(join(folder.path, '.pulled.json.new'), '{');
  await writeFile(join(folder.path, 'mine.partial'), 'of somebody else');
  const later = await openRecords(folder.path);
  await later.forgetOthers(['model.safetensors']);
  assert.deepEqual((await readdir(folder.path)).sort(), [
    '.pulled.json',
    'mine.partial',
    'model.safetensors.partial',
  ]);
  const again = await openRecords(folder.path);
  assert.deepEqual(
    [again.partial('old.safetensors'), again.partial('model.safetensors')],
    [undefined, 'etag'],
  );
});

test('a mark tells a process that runs from one that ended, also where its number is in use again', () => {
  const mark = ownMark();
  assert.equal(hasEnded(mark), false);
  const [machine, start, , began] = mark.split('-');
  assert.equal(hasEnded(`${machine}-${start}-4194305-${began}`), true, 'no such process');
  assert.equal(hasEnded(`${machine}-0000-${process.pid}-${began}`), true, 'before a restart');
  assert.equal(hasEnded(`00000000-${start}-4194305-${began}`), false, 'of another machine');
  assert.equal(hasEnded('0badc0de'), false, 'no mark');
  if (process.platform === 'linux')
    assert.equal(hasEnded(`${machine}-${start}-${process.pid}-1`), true, 'a number used again');
});
