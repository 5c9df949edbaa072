/** Files of a set that were changed after its export are found out before they are served. */
import assert from 'node:assert/strict';
import { open, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { exportSet } from '../../worker/export/exportSet.ts';
import { assertContents } from '../../worker/registry/contents.ts';
import { folderSource } from '../../worker/registry/folderSource.ts';
import { CPU } from '../../worker/session/devices.ts';
import { readSetFolder } from '../../worker/session/setFolder.ts';
import { demoSource, skipWithoutDemo } from '../support/demoSet.ts';
import { temporaryFolder } from '../support/exported.ts';

const never = new AbortController().signal;
const later = new Date(Date.now() + 60_000);

describe('the files of a set', { skip: skipWithoutDemo() }, () => {
  let folder: string;
  before(async () => {
    folder = await temporaryFolder();
    // In 16 bits there are graphs in two forms, and the weights are written anew.
    await exportSet(demoSource() ?? '', join(folder, 'm'), { id: 'm', precision: 'fp16' });
  });
  after(() => rm(folder, { recursive: true, force: true }));

  test('that were only touched are those of the export', async () => {
    const set = await readSetFolder(join(folder, 'm'));
    await assertContents(set, never);
    await utimes(join(folder, 'm/fm/weights.bin'), later, later);
    await utimes(join(folder, 'm/tok_rgb/encoder.onnx'), later, later);
    await assertContents(set, never);
  });

  test('make another version when one of them changes', async () => {
    const source = folderSource(folder, { device: CPU });
    const versionOf = async () => (await source.list(never)).offers.map(({ version }) => version);
    const before = await versionOf();
    assert.deepEqual(await versionOf(), before);
    await utimes(join(folder, 'm/tok_rgb/weights.bin'), later, later);
    assert.notDeepEqual(await versionOf(), before);
  });

  test('are refused by both digests when a byte of the weights has changed', async () => {
    const file = join(folder, 'm/tok_depth/weights.bin');
    const handle = await open(file, 'r+');
    await handle.write(Buffer.from([1, 2, 3]), 0, 3, 100);
    await handle.close();
    await utimes(file, later, later);
    const set = await readSetFolder(join(folder, 'm'));
    await assert.rejects(
      assertContents(set, never),
      /tok_depth: its files have the digest [0-9a-f]{64}, model\.json says [0-9a-f]{64}/,
    );
  });

  test('that lack one are a fault of that folder, which names it', async () => {
    await rm(join(folder, 'm/tok_normal/weights.bin'));
    const text = await readFile(join(folder, 'm/set.json'), 'utf8');
    await writeFile(join(folder, 'm/set.json'), text);
    const { offers, faults } = await folderSource(folder, { device: CPU }).list(never);
    assert.deepEqual(offers, []);
    assert.match(String(faults[0]?.error), /tok_normal\/weights\.bin: cannot be read/);
  });
});
