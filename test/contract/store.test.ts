import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { createDiskStore } from '../../shared/store/disk.ts';
import { createMemoryStore } from '../../shared/store/memory.ts';
import { createS3Store } from '../../shared/store/s3.ts';
import { s3Missing, s3Settings } from '../support/s3.ts';
import { storeContract } from './store.ts';

const folder = await mkdtemp(join(tmpdir(), 'fourm-store-'));
after(() => rm(folder, { recursive: true, force: true }));
const memory = createMemoryStore();
const skip = s3Missing();
if (skip !== undefined) console.log(`s3 store not tested: ${skip}`);

storeContract({ name: 'memory', skip: undefined, open: async () => memory });
storeContract({ name: 'disk', skip: undefined, open: async () => createDiskStore(folder) });
storeContract({ name: 's3', skip, open: async () => createS3Store(await s3Settings()) });

test('disk: a folder that cannot be used fails the check', async () => {
  const file = join(folder, 'a-file');
  await writeFile(file, 'x');
  await assert.rejects(createDiskStore(file).check(), /ENOTDIR|EEXIST/);
});

test('s3: a wrong secret is an error, not an absence', { skip: skip ?? false }, async () => {
  const store = createS3Store({ ...(await s3Settings()), secretAccessKey: 'wrong' });
  await assert.rejects(store.get('a'), /S3 get a: SignatureDoesNotMatch/);
  await assert.rejects(store.put('a', new Uint8Array(1)), /SignatureDoesNotMatch/);
  await assert.rejects(store.list(''), /SignatureDoesNotMatch/);
  await assert.rejects(store.check(), /SignatureDoesNotMatch/);
});

test('s3: an unknown bucket is an error', { skip: skip ?? false }, async () => {
  const store = createS3Store({ ...(await s3Settings()), bucket: 'no-such-bucket' });
  await assert.rejects(store.get('a'), /NoSuchBucket/);
  await assert.rejects(store.put('a', new Uint8Array(1), { ifMatch: '"x"' }), /NoSuchBucket/);
});

test('s3: a server that is not there is an error', async () => {
  const store = createS3Store({
    endpoint: 'http://127.0.0.1:1',
    region: 'us-east-1',
    bucket: 'b',
    accessKeyId: 'a',
    secretAccessKey: 's',
  });
  await assert.rejects(store.get('a'), /ECONNREFUSED/);
});
