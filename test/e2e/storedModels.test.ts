/** Models in the object store: stored, offered from what the store says, fetched when asked for, checked. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdir, readFile, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createMemoryStore } from '../../shared/store/memory.ts';
import { createS3Store } from '../../shared/store/s3.ts';
import type { Store } from '../../shared/store/store.ts';
import type { PlacedObject } from '../../shared/store/whole.ts';
import { folderOffer } from '../../worker/registry/folderSource.ts';
import { fetchSet } from '../../worker/remote/fetch.ts';
import { pushSet } from '../../worker/remote/push.ts';
import { indexKey, partKey, type StoredSet } from '../../worker/remote/storedSet.ts';
import { storedSource } from '../../worker/remote/storedSource.ts';
import { CPU } from '../../worker/session/devices.ts';
import { type DemoSet, demoSource, exportDemo, skipWithoutDemo } from '../support/demoSet.ts';
import { temporaryFolder } from '../support/exported.ts';
import { s3Missing, s3Settings } from '../support/s3.ts';
import {
  callWorker,
  generateBody,
  startWorkerProcess,
  type WorkerProcess,
} from '../support/workerProcess.ts';

const never = new AbortController().signal;
const dist = join(dirname(fileURLToPath(import.meta.url)), '../..');

describe('models in the object store', { skip: skipWithoutDemo() }, () => {
  let set: DemoSet;
  let cache: string;
  let store: Store;
  let stored: StoredSet;
  const objects = new Map<string, PlacedObject>();
  before(async () => {
    set = await exportDemo(demoSource() ?? '');
    stored = await pushSet(createMemoryStore(undefined, objects), join(set.modelsFolder, 'demo'));
  });
  beforeEach(async () => {
    cache = await temporaryFolder();
    store = createMemoryStore(undefined, new Map(objects));
  });
  afterEach(() => rm(cache, { recursive: true, force: true }));
  after(() => set.remove());

  const options = () => ({ cache, device: CPU, threads: 1, milliseconds: 0 });
  /** Files of a folder by their paths, as sha256. */
  const digests = async (folder: string) => {
    const names = await readdir(folder, { recursive: true, withFileTypes: true });
    const files = names.filter((entry) => entry.isFile());
    return Object.fromEntries(
      await Promise.all(
        files.map(async ({ parentPath, name }) => {
          const file = join(parentPath, name);
          const hash = createHash('sha256')
            .update(await readFile(file))
            .digest('hex');
          return [file.slice(folder.length), hash] as const;
        }),
      ),
    );
  };
  const replacePart = async (index: number, body: Uint8Array | undefined) => {
    const [part = ''] = stored.files.filter(({ path }) => path.endsWith('.safetensors'))[index]!
      .parts;
    await store.delete(partKey(part));
    if (body) await store.put(partKey(part), body);
  };

  test('come out as they went in', async () => {
    const folder = await fetchSet(store, stored, cache, never);
    const original = await digests(join(set.modelsFolder, 'demo'));
    assert.deepEqual(await digests(folder), original);
    assert.ok(Object.keys(original).length > 20);
  });

  test('are offered as their folder would be, before anything is fetched', async () => {
    const { offers, faults } = await storedSource(store, options()).list(never);
    assert.deepEqual(faults, []);
    const local = await folderOffer(join(set.modelsFolder, 'demo'), options());
    assert.deepEqual(offers[0]?.description, local.description);
    assert.equal(offers[0]?.bytes, local.bytes);
    assert.deepEqual(await readdir(cache), []);
    const model = await offers[0]?.open(never);
    assert.equal(model?.description.digest, local.description.digest);
    await model?.close();
    assert.equal((await readdir(cache)).length, 1, 'and nothing unfinished is left');
  });

  test('are refused where a part is missing or another one, and nothing is left', async () => {
    await replacePart(0, undefined);
    await assert.rejects(
      fetchSet(store, stored, cache, never),
      /weights\.safetensors: part \w+ is not in the store/,
    );
    await replacePart(0, new Uint8Array(10));
    await assert.rejects(fetchSet(store, stored, cache, never), /part \w+ has the digest/);
    assert.deepEqual(await readdir(cache), []);
  });

  test('are fetched anew where the cache has lost or damaged a file', async () => {
    const original = await digests(await fetchSet(store, stored, cache, never));
    const damages = [
      (file: string) => truncate(file, 1000),
      (file: string) => rm(file),
      async (file: string) => {
        const later = new Date(Date.now() + 60_000);
        await writeFile(file, (await readFile(file)).fill(7, 100, 110));
        await utimes(file, later, later);
      },
    ];
    for (const damage of damages) {
      const folder = await fetchSet(store, stored, cache, never);
      const { path = '' } = stored.files.find((file) => file.path.endsWith('.safetensors')) ?? {};
      await damage(join(folder, path));
      assert.deepEqual(await digests(await fetchSet(store, stored, cache, never)), original);
    }
  });

  test('of a new version take the place of the old one in the cache', async () => {
    await fetchSet(store, stored, cache, never);
    const source = storedSource(store, options());
    const [before] = (await source.list(never)).offers;
    const next = { ...stored, set: { ...stored.set, digest: 'f'.repeat(64) } };
    await store.put(indexKey('demo'), new TextEncoder().encode(JSON.stringify(next)));
    const [offer] = (await source.list(never)).offers;
    assert.notEqual(offer?.version, before?.version);
    await fetchSet(store, next, cache, never);
    assert.deepEqual(await readdir(cache), ['demo@ffffffffffffffff']);
  });

  test('stay known while the store is away; what is no index is a fault of its own', async () => {
    await store.put(indexKey('broken'), new TextEncoder().encode('{"format": 2}'));
    const source = storedSource(store, options());
    const { offers, faults } = await source.list(never);
    assert.deepEqual(
      offers.map(({ description }) => description.id),
      ['demo'],
    );
    assert.match(String(faults[0]?.error), /models\/broken\.json: format/);
    store.list = () => Promise.reject(new Error('the store is away'));
    assert.equal((await source.list(never)).offers.length, 1);
    await assert.rejects(storedSource(store, options()).list(never), /the store is away/);
  });

  test('whose paths lead out of the cache are refused', async () => {
    const file = { ...stored.files[0]!, path: '../outside.json' };
    for (const [index, at] of [
      [{ ...stored, files: [file] }, /files\.0\.path/],
      [{ ...stored, set: { ...stored.set, id: '..' } }, /set\.id/],
      [{ ...stored, set: { ...stored.set, digest: '../../x' } }, /set\.digest/],
    ] as const) {
      await store.put(indexKey('demo'), new TextEncoder().encode(JSON.stringify(index)));
      const { faults } = await storedSource(store, options()).list(never);
      assert.match(String(faults[0]?.error), at);
    }
  });

  test('that were changed after their export are not stored', async () => {
    const file = join(set.modelsFolder, 'demo/fm/encoder.onnx');
    const before = await readFile(file);
    await writeFile(file, Buffer.concat([before.subarray(0, -1), Buffer.from('x')]));
    await assert.rejects(
      pushSet(store, join(set.modelsFolder, 'demo')),
      /were changed after the export/,
    );
    await writeFile(file, before);
  });

  test('in an S3 bucket come out as they went in', { skip: s3Missing() ?? false }, async () => {
    const bucket = createS3Store(await s3Settings());
    const pushed = await pushSet(bucket, join(set.modelsFolder, 'demo'));
    const [offer] = (await storedSource(bucket, options()).list(never)).offers;
    assert.equal(offer?.description.id, 'demo');
    const folder = await fetchSet(bucket, pushed, cache, never);
    assert.deepEqual(await digests(folder), await digests(join(set.modelsFolder, 'demo')));
  });

  test('are served by a worker that has nothing else, stored by the command', async () => {
    const folder = join(cache, 'store');
    const env = { FOURM_MODELS_STORE: 'disk', FOURM_STORE_DIR: folder };
    const args = [join(dist, 'worker/remote/pushCli.js'), join(set.modelsFolder, 'demo')];
    const { stdout } = await promisify(execFile)(process.execPath, args, {
      env: { PATH: process.env.PATH, ...env },
    });
    assert.match(stdout, /models\/demo\.json in the disk store: .* MB, digest [0-9a-f]{64}/);
    let worker: WorkerProcess | undefined;
    try {
      worker = await startWorkerProcess('', { ...env, FOURM_MODELS_CACHE: join(cache, 'fetched') });
      const request = { inputs: { caption: 'a cube' }, targets: ['depth'] };
      const body = generateBody(request);
      const response = await callWorker(worker.url, '/internal/generate', { body });
      assert.equal(response.status, 200);
    } finally {
      worker?.child.kill('SIGTERM');
      await worker?.ended;
    }
  });
});
