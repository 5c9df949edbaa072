/** The disk store on a disk that is full, that takes a part of a write, or that lies. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, open, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, beforeEach, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createDiskStore } from '../../shared/store/disk.ts';
import { createAbsent } from '../../shared/store/diskAbsent.ts';
import type { FullDiskReport } from '../support/fullDisk.ts';

const root = await mkdtemp(join(tmpdir(), 'fourm-disk-'));
after(() => rm(root, { recursive: true, force: true }));
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(root, 'store-'));
});

const BODY = new Uint8Array(45_619).fill(7);
type Write = (bytes: Uint8Array, at: number, length: number) => Promise<{ bytesWritten: number }>;

/** Puts a way of failing in place of every file's `write`. */
async function withWrite(t: TestContext, make: (real: Write) => Write): Promise<void> {
  const handle = await open(join(folder, 'probe'), 'w');
  const prototype: { write: Write } = Object.getPrototypeOf(handle);
  await handle.close();
  const real = prototype.write;
  t.mock.method(prototype, 'write', function (this: unknown, ...given: Parameters<Write>) {
    return make(real.bind(this))(...given);
  });
}
const leftAside = (): Promise<string[]> => readdir(join(folder, 'aside'));

test('a full disk: what is said to be stored is readable, and nothing is left aside', async (t) => {
  const disk = join(folder, 'disk');
  await mkdir(disk);
  const mount = 'mount -t tmpfs -o size=128k none "$0"';
  const isolated = [['-m'], ['-rm']].find(
    (flags) => spawnSync('unshare', [...flags, 'sh', '-c', mount, disk]).status === 0,
  );
  if (!isolated) return t.skip('no disk can be mounted here');
  const script = join(dirname(fileURLToPath(import.meta.url)), '../support/fullDisk.js');
  const command = [...isolated, 'sh', '-c', `${mount}; exec "$@"`, disk];
  const run = spawnSync('unshare', [...command, process.execPath, script, disk]);
  assert.equal(run.status, 0, run.stderr.toString());
  const report: FullDiskReport = JSON.parse(run.stdout.toString());
  assert.ok(report.stored.length > 0 && report.reasons.length > 0, run.stdout.toString());
  assert.deepEqual(report.readable, report.stored);
  for (const reason of report.reasons) assert.match(reason, /ENOSPC/);
  assert.deepEqual(report.leftAside, []);
  assert.ok(report.worksAfterwards);
});

test('a write that the disk takes in pieces is completed', async (t) => {
  await withWrite(t, (real) => (bytes, at, length) => real(bytes, at, Math.min(length, 8192)));
  const store = createDiskStore(folder);
  assert.ok((await store.put('a', BODY)).ok);
  assert.deepEqual((await store.get('a'))?.body, BODY);
});

test('a write that fails after a part of it leaves nothing', async (t) => {
  let written = 0;
  await withWrite(t, (real) => async (bytes, at, length) => {
    if (written >= 8192) throw Object.assign(new Error('ENOSPC: no space'), { code: 'ENOSPC' });
    const done = await real(bytes, at, Math.min(length, 8192));
    written += done.bytesWritten;
    return done;
  });
  const store = createDiskStore(folder);
  await assert.rejects(store.put('a', BODY), /ENOSPC/);
  assert.equal(await store.get('a'), undefined);
  assert.deepEqual(await leftAside(), []);
});

test('a disk that says it wrote and did not: nothing is said to be stored', async (t) => {
  await withWrite(t, (real) => async (bytes, at, length) => {
    if (length > 4096) await real(bytes, at, length - 1);
    else await real(bytes, at, length);
    return { bytesWritten: length };
  });
  const store = createDiskStore(folder);
  await assert.rejects(store.put('a', BODY), /does not give back what was written under a/);
  assert.equal(await store.get('a'), undefined);
  assert.deepEqual(await leftAside(), []);
});

test('an object of a store without digests counts as absent, and is replaced', async () => {
  await mkdir(join(folder, 'objects'));
  await writeFile(join(folder, 'objects', 'a'), '{"contentType":"text/plain","etag":"x"}\nold');
  const store = createDiskStore(folder);
  assert.equal(await store.get('a'), undefined);
  assert.ok((await store.put('a', BODY, { ifNoneMatch: '*' })).ok);
  assert.deepEqual((await store.get('a'))?.body, BODY);
});

test('what a killed process left aside is removed at the next start, what runs is not', async () => {
  const aside = join(folder, 'aside');
  await mkdir(aside);
  const ended = spawnSync(process.execPath, ['-e', '']).pid;
  const left = [`${ended}-0badcafe-x`, 'of-an-earlier-version', `${process.pid}-0badcafe-x`];
  const old = `${process.ppid}-0badcafe-old`;
  const running = `${process.ppid}-0badcafe-x`;
  for (const name of [...left, old, running]) await writeFile(join(aside, name), 'x');
  await utimes(join(aside, old), new Date(0), new Date(0));
  createDiskStore(folder);
  for (let tries = 0; tries < 100 && (await leftAside()).length > 1; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.deepEqual(await leftAside(), [running]);
});

test('an absent file is asked for at once, until the file system is slow', () => {
  let [time, asked] = [0, 0];
  const exists = (file: string): boolean => {
    asked++;
    time += file === 'slow' ? 4 : 1;
    return file === 'there';
  };
  const isAbsent = createAbsent(exists, () => time);
  assert.deepEqual([isAbsent('there'), isAbsent('gone'), isAbsent('slow')], [false, true, true]);
  assert.equal(isAbsent('gone'), false, 'not known without asking');
  assert.equal(asked, 3);
  time += 1000;
  assert.equal(isAbsent('gone'), true);
});

test('what is deleted leaves no folders behind, and others meanwhile lose nothing', async () => {
  const store = createDiskStore(folder);
  const folders = async (): Promise<string[]> => {
    const all = await readdir(folder, { recursive: true, withFileTypes: true });
    return all.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  };
  await store.put('jobs/a/one/000001.json', BODY);
  await store.put('jobs/b/two/000001.json', BODY);
  await store.blobs.write('uploads/a/one', BODY);
  await store.delete('jobs/a/one/000001.json');
  await store.delete('jobs/a/one/000001.json');
  await store.blobs.delete('uploads/a/one');
  assert.deepEqual((await folders()).sort(), ['aside', 'b+', 'blobs', 'jobs+', 'objects', 'two+']);
  // The folder that one makes for his object is empty for a moment, in which another may remove it.
  const others = createDiskStore(folder);
  await Promise.all(
    Array.from({ length: 40 }, async (_, i) => {
      const [own, key] = [i % 2 === 0 ? store : others, `busy/folder/${i}`];
      for (let round = 0; round < 5; round++) {
        assert.ok((await own.put(key, new Uint8Array([i]))).ok);
        await own.blobs.write(key, new Uint8Array([i]));
        await own.delete(key);
        await own.blobs.delete(key);
      }
    }),
  );
  assert.equal((await folders()).includes('busy+'), false);
});
