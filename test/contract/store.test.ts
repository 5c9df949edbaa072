import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { createDiskStore } from '../../shared/store/disk.ts';
import { createMemoryStore } from '../../shared/store/memory.ts';
import { createS3Store } from '../../shared/store/s3.ts';
import type { PlacedObject } from '../../shared/store/whole.ts';
import { s3Missing, s3Place, s3Settings } from '../support/s3.ts';
import { type PlaceAccess, storeContract } from './store.ts';

const folder = await mkdtemp(join(tmpdir(), 'fourm-store-'));
after(() => rm(folder, { recursive: true, force: true }));
const objects = new Map<string, PlacedObject>();
/** Of the keys of the contract, which have short segments: `a/b` lies in `a+/b`. */
const fileOf = (key: string): string => join(folder, 'objects', key.replaceAll('/', '+/'));
const skip = s3Missing();

const memoryPlace: PlaceAccess = {
  async read(key) {
    const found = objects.get(key) ?? assert.fail(`nothing lies under ${key}`);
    return { bytes: found.body, rest: found };
  },
  async write(key, { bytes, rest }) {
    objects.set(key, { ...(rest as PlacedObject), body: new Uint8Array(bytes) });
  },
};
const diskPlace: PlaceAccess = {
  read: async (key) => ({ bytes: await readFile(fileOf(key)), rest: undefined }),
  write: (key, { bytes }) => writeFile(fileOf(key), bytes),
};

storeContract({
  name: 'memory',
  skip: undefined,
  open: async (log) => createMemoryStore(log, objects),
  place: async () => memoryPlace,
});
storeContract({
  name: 'disk',
  skip: undefined,
  open: async (log) => createDiskStore(folder, log),
  place: async () => diskPlace,
});
storeContract({
  name: 's3',
  skip,
  open: async (log) => createS3Store(await s3Settings(), log),
  place: s3Place,
});

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
