/** Files of a set that were changed after its export are found out before they are served. */
import assert from 'node:assert/strict';
import { existsSync, renameSync } from 'node:fs';
import { cp, open, readFile, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { exportSet } from '../../worker/export/exportSet.ts';
import { assertContents } from '../../worker/registry/contents.ts';
import { folderSource, openFolder } from '../../worker/registry/folderSource.ts';
import { CPU } from '../../worker/session/devices.ts';
import { readSetFolder } from '../../worker/session/setFolder.ts';
import { demoSource, skipWithoutDemo } from '../support/demoSet.ts';
import { temporaryFolder } from '../support/exported.ts';

const never = new AbortController().signal;
const later = new Date(Date.now() + 60_000);
const earlier = new Date(Date.now() - 3_600_000);

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

  test('make another version when the link to their folder leads to another one', async () => {
    const other = await temporaryFolder();
    const links = await temporaryFolder();
    try {
      await cp(join(folder, 'm'), join(other, 'm'), { recursive: true });
      await symlink(join(folder, 'm'), join(links, 'm'));
      const source = folderSource(links, { device: CPU });
      const versionOf = async () => (await source.list(never)).offers.map(({ version }) => version);
      const before = await versionOf();
      assert.deepEqual(await versionOf(), before);
      await symlink(join(other, 'm'), join(links, 'next'));
      await rename(join(links, 'next'), join(links, 'm'));
      assert.notDeepEqual(await versionOf(), before);
    } finally {
      for (const one of [other, links]) await rm(one, { recursive: true });
    }
  });

  test('that are replaced while they are loaded are not served', async () => {
    const other = await temporaryFolder();
    const [here, away] = [join(folder, 'm'), join(other, 'away')];
    try {
      await cp(here, join(other, 'm'), { recursive: true });
      const loading = new AbortController().signal;
      let requests = 0;
      // Asked before each graph: the first ones are of this folder, the others of the next.
      loading.throwIfAborted = () => {
        if (++requests !== 3) return;
        renameSync(here, away);
        renameSync(join(other, 'm'), here);
      };
      const opened = openFolder(here, { device: CPU, threads: 1 }, loading);
      await assert.rejects(
        opened.then((model) => model.close()),
        /its files were changed while they were loaded/,
      );
      assert.ok(requests >= 3);
    } finally {
      if (existsSync(away)) {
        await rm(here, { recursive: true });
        await rename(away, here);
      }
      await rm(other, { recursive: true });
    }
  });

  test('that were replaced under a description that stays are looked at, however old they are', async () => {
    const source = folderSource(folder, { device: CPU, threads: 1 });
    await source.list(never);
    const file = join(folder, 'm/tok_semseg/weights.bin');
    const before = await readFile(file);
    try {
      const other = Buffer.from(before);
      other.fill(7, 100, 110);
      await writeFile(join(folder, 'other'), other);
      await utimes(join(folder, 'other'), earlier, earlier);
      await rename(join(folder, 'other'), file);
      const { offers } = await source.list(never);
      const opened = offers[0]!.open(never).then((model) => model.close());
      await assert.rejects(opened, /tok_semseg: its files have the digest/);
    } finally {
      await writeFile(file, before);
      await utimes(file, earlier, earlier);
    }
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
