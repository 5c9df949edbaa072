import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { createDiskStore } from '../../shared/store/disk.ts';
import { createMemoryStore } from '../../shared/store/memory.ts';
import { createS3Store } from '../../shared/store/s3.ts';
import { s3Missing, s3Settings } from '../support/s3.ts';
import { blobsContract } from './blobs.ts';

const folder = await mkdtemp(join(tmpdir(), 'fourm-blobs-'));
after(() => rm(folder, { recursive: true, force: true }));
const memory = createMemoryStore();

blobsContract({ name: 'memory', skip: undefined, open: async () => memory.blobs });
blobsContract({
  name: 'disk',
  skip: undefined,
  open: async () => createDiskStore(folder).blobs,
});
blobsContract({
  name: 's3',
  skip: s3Missing(),
  open: async () => createS3Store(await s3Settings()).blobs,
});

test('disk: 300 MB pass through without being held', async () => {
  const { blobs } = createDiskStore(folder);
  const piece = new Uint8Array(1_000_000).fill(7);
  const source = async function* (): AsyncGenerator<Uint8Array> {
    for (let i = 0; i < 300; i++) yield piece;
  };
  let most = 0;
  const look = (): void => {
    most = Math.max(most, process.memoryUsage().arrayBuffers);
  };
  const before = process.memoryUsage().arrayBuffers;
  const timer = setInterval(look, 5);
  await blobs.write('large', source());
  let length = 0;
  for await (const part of (await blobs.read('large')) ?? []) {
    length += part.length;
    look();
  }
  clearInterval(timer);
  assert.equal(length, 300_000_000);
  assert.ok(most - before < 100_000_000, `${most - before} bytes were held`);
  await blobs.delete('large');
  assert.deepEqual(await readdir(join(folder, 'aside')), [], 'nothing is left aside');
});
