/** Bytes that requests name, in a worker: taken in, kept, put into the work that needs them, removed. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { storedInput } from '../../shared/api/takeInput.ts';
import { collect } from '../../shared/store/blobs.ts';
import { createMemoryStore } from '../../shared/store/memory.ts';
import { KEPT_MILLISECONDS, keepBytes, keptKey, readKept } from '../../shared/uploads/kept.ts';
import { sweepUploads } from '../../shared/uploads/sweep.ts';
import { createUploads, UPLOAD_MILLISECONDS, uploadKey } from '../../shared/uploads/uploads.ts';
import { fillStored } from '../../worker/sources/fill.ts';
import { createTakeInput } from '../../worker/sources/takeInput.ts';
import { guarded } from '../support/guardStandIns.ts';
import { freshPicture } from '../support/pictures.ts';

const { fetch } = guarded({});
const { signal } = new AbortController();
const request = { request_id: 'r', tenant: 'default', most: 100_000 };

async function uploaded(
  store: ReturnType<typeof createMemoryStore>,
  bytes: Uint8Array<ArrayBuffer>,
) {
  const document = await createUploads(store).create('default', { content_type: 'image/png' });
  await store.blobs.write(uploadKey(document), bytes);
  return document;
}

test('an upload is taken in under its hash, and answered where the worker keeps nothing', async () => {
  const store = createMemoryStore();
  const { bytes, sha256 } = freshPicture();
  const { id } = await uploaded(store, bytes);
  const take = createTakeInput({ fetch, store });
  const taken = await take({ ...request, source: { upload: id }, keep: true }, signal);
  const { head, ...is } = taken;
  const size = { width: 1, height: 1, size: bytes.length };
  assert.deepEqual(is, { sha256, content_type: 'image/png', ...size });
  assert.deepEqual(Buffer.from(head, 'base64'), bytes.subarray(0, 16));
  const kept = await readKept(store, 'inputs', 'default', sha256);
  assert.deepEqual(Buffer.from(kept ?? []), bytes);
  const asked = await take({ ...request, source: { upload: id }, keep: false }, signal);
  assert.deepEqual(Buffer.from(asked.data ?? '', 'base64'), bytes);
  const alone = createTakeInput({ fetch, store: undefined });
  await assert.rejects(
    alone({ ...request, source: { upload: id }, keep: true }, signal),
    /unknown_upload/,
  );
});

test('names of bytes are filled in wherever files can be, and nowhere else', async () => {
  const store = createMemoryStore();
  const { bytes, sha256 } = freshPicture();
  await keepBytes(store, 'inputs', 'default', { digest: sha256, bytes });
  const data = storedInput('default', sha256);
  const base64 = bytes.toString('base64');
  const asked = {
    request: {
      inputs: {
        rgb: { data, hide: [{ mask: data }, { box: [0, 0, 1, 1] }] },
        caption: { text: data },
        depth: { tokens: [1, null, 2] },
        palette: { value: { data } },
      },
      items: [{ inputs: { rgb: { data } } }],
    },
    seeds: [1, 2],
  };
  const filled = await fillStored(asked, store);
  assert.deepEqual(filled, {
    request: {
      inputs: {
        rgb: { data: base64, hide: [{ mask: base64 }, { box: [0, 0, 1, 1] }] },
        caption: { text: data },
        depth: { tokens: [1, null, 2] },
        palette: { value: { data } },
      },
      items: [{ inputs: { rgb: { data: base64 } } }],
    },
    seeds: [1, 2],
  });
  const plain = { inputs: { rgb: { data: base64 } } };
  assert.equal(await fillStored(plain, store), plain, 'most requests name nothing');
});

test('bytes that are gone, changed, or of a store that is not there invite to try elsewhere', async () => {
  const store = createMemoryStore();
  const { bytes, sha256 } = freshPicture();
  const asked = { inputs: { rgb: { data: storedInput('default', sha256) } } };
  await assert.rejects(fillStored(asked, undefined), /not_ready.*FOURM_STORE of the edge/);
  await assert.rejects(fillStored(asked, store), /not_ready.*no longer in the store/);
  await store.blobs.write(keptKey('inputs', 'default', sha256), bytes.subarray(1));
  await assert.rejects(fillStored(asked, store), /not_ready/, 'a changed byte is found out');
  await keepBytes(store, 'inputs', 'default', { digest: sha256, bytes });
  assert.ok(await fillStored(asked, store), 'and is replaced by the next who gives them');
  const foreign = { inputs: { rgb: { data: storedInput('another', sha256) } } };
  await assert.rejects(fillStored(foreign, store), /not_ready/);
});

test('a sweep removes what has expired, and what is used stays', async () => {
  const store = createMemoryStore();
  const { blobs } = store;
  const old = await uploaded(store, freshPicture().bytes);
  const { bytes, sha256 } = freshPicture();
  await keepBytes(store, 'inputs', 'default', { digest: sha256, bytes });
  await keepBytes(store, 'outputs', 'default', { digest: sha256, bytes });
  await blobs.write('uploads/default/without-a-document', bytes);
  const all = async (): Promise<string[]> => {
    const keys: string[] = [];
    for await (const { key } of blobs.list('')) keys.push(key);
    return keys;
  };
  await sweepUploads(store, () => Date.now() + UPLOAD_MILLISECONDS - 60_000);
  assert.equal((await all()).length, 4);
  await createUploads(store, () => Date.now() + UPLOAD_MILLISECONDS + 1000).sweep();
  assert.equal(await createUploads(store).find(old), undefined);
  assert.deepEqual((await store.list('upload-documents/')).keys, []);
  assert.deepEqual((await all()).sort(), [`inputs/default/${sha256}`, `outputs/default/${sha256}`]);
  await sweepUploads(store, () => Date.now() + KEPT_MILLISECONDS + 1000);
  assert.deepEqual(await all(), []);
});

test('a use of kept bytes makes them new, so that a job that waits finds them', async () => {
  const store = createMemoryStore();
  const { bytes, sha256 } = freshPicture();
  const given = { digest: sha256, bytes };
  const key = await keepBytes(store, 'inputs', 'default', given);
  const { modified = 0 } = (await store.blobs.info(key)) ?? {};
  await new Promise((resolve) => setTimeout(resolve, 5));
  await keepBytes(store, 'inputs', 'default', given);
  assert.equal((await store.blobs.info(key))?.modified, modified, 'not at every use');
  await keepBytes(store, 'inputs', 'default', given, Date.now() + KEPT_MILLISECONDS / 2);
  assert.ok(((await store.blobs.info(key))?.modified ?? 0) > modified);
});

test('the bytes of an upload come as a stream, from any of them on', async () => {
  const store = createMemoryStore();
  const bytes = new Uint8Array(300_000).map((_, i) => i % 251);
  const name = await uploaded(store, bytes);
  const uploads = createUploads(store);
  const opened = await uploads.open(name, 100_000);
  assert.ok(typeof opened === 'object');
  assert.equal(opened.size, 300_000);
  assert.deepEqual(await collect(opened.bytes), bytes.slice(100_000));
  assert.equal(await uploads.open({ ...name, tenant: 'another' }), 'unknown');
  const waiting = await uploads.create('default', { content_type: 'text/plain' });
  assert.equal(await uploads.open(waiting), 'waiting');
  const digest = createHash('sha256').update(bytes).digest('hex');
  assert.equal(await readKept(store, 'inputs', 'default', digest), undefined);
});
