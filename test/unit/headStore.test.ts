/** Heads in the store: versions that are whole or absent, two writers at once, tenants apart. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Head } from '../../shared/api/heads.ts';
import { FailureError } from '../../shared/api/problem.ts';
import { createHeadStore, headFileKey, MOST_VERSIONS } from '../../shared/heads/headStore.ts';
import { createMemoryStore } from '../../shared/store/memory.ts';
import type { Store } from '../../shared/store/store.ts';
import { readHead, writeHead } from '../../worker/heads/file.ts';
import { createHeadSource } from '../../worker/tasks/headSource.ts';
import { closeThreads } from '../../worker/threads/inThread.ts';
import { flatHead } from '../support/fakeHeads.ts';

const quiet = (): void => {};
const about = (name: string): Omit<Head, 'version' | 'created_at'> => ({
  ...{ name, source: 'upload', model: 'm', model_digest: 'd', features: 'encoder', width: 3 },
  labels: ['no', 'yes'],
});
const fileOf = (value: number): Uint8Array<ArrayBuffer> =>
  writeHead(flatHead(3, value), ['no', 'yes'], {});
const isUnknown = (error: unknown): boolean =>
  error instanceof FailureError && error.failure.code === 'unknown_head';

describe('heads in the store', () => {
  test('of two writers at once neither loses his version', async () => {
    const store = createMemoryStore(quiet);
    const heads = createHeadStore(store, 'one', quiet);
    const kept = await Promise.all([1, 2, 3, 4].map((n) => heads.keep(about('h'), fileOf(n))));
    const { versions } = await heads.find('h', undefined);
    assert.deepEqual(
      versions.map(({ version }) => version).sort(),
      kept.map(({ version }) => version).sort(),
    );
  });

  test('a version whose file is kept but which no index names is not there', async () => {
    const store = createMemoryStore(quiet);
    const failing: Store = {
      ...store,
      put: async (key, ...rest) => {
        if (key.endsWith('/head.json')) throw new Error('the disk is full');
        return await store.put(key, ...rest);
      },
    };
    const broken = createHeadStore(failing, 'one', quiet);
    await assert.rejects(broken.keep(about('h'), fileOf(1)), /store is out of order/);
    const heads = createHeadStore(store, 'one', quiet);
    await assert.rejects(heads.find('h', undefined), isUnknown);
    assert.deepEqual(await heads.list(), []);
  });

  test('tenants do not see each other, nor their versions', async () => {
    const store = createMemoryStore(quiet);
    const one = createHeadStore(store, 'one', quiet);
    const other = createHeadStore(store, 'other', quiet);
    const { version } = await one.keep(about('h'), fileOf(1));
    await assert.rejects(other.find('h', version), isUnknown);
    await assert.rejects(other.file('h', version), isUnknown);
    await assert.rejects(other.remove('h'), isUnknown);
    assert.deepEqual(await other.list(), []);
    assert.equal((await one.find('h', version)).head.version, version);
  });

  test('the oldest version goes with its file when there are too many', async () => {
    const store = createMemoryStore(quiet);
    const heads = createHeadStore(store, 'one', quiet);
    const first = await heads.keep(about('h'), fileOf(0));
    for (let n = 1; n <= MOST_VERSIONS; n++) await heads.keep(about('h'), fileOf(n));
    assert.equal((await heads.find('h', undefined)).versions.length, MOST_VERSIONS);
    await assert.rejects(heads.find('h', first.version), isUnknown);
    assert.equal(await store.get(headFileKey('one', 'h', first.version)), undefined);
    assert.equal(await heads.remove('h'), MOST_VERSIONS);
    assert.deepEqual((await store.list('heads/')).keys, []);
  });

  /** A store whose first deletion, or first look, under such a key waits until `other` is done. */
  const interrupted = (store: Store, at: 'delete' | 'look', end: string) => {
    let other: (() => Promise<unknown>) | undefined;
    const before = async (key: string): Promise<void> => {
      const work = key.endsWith(end) ? other : undefined;
      if (!work) return;
      other = undefined;
      // Who waits for this deletion cannot be waited for.
      await Promise.race([work(), new Promise((resolve) => setTimeout(resolve, 300))]);
    };
    const own: Store = {
      ...store,
      delete: async (key) => {
        if (at === 'delete') await before(key);
        await store.delete(key);
      },
      look: async (key) => {
        const found = await store.look(key);
        if (at === 'look') await before(key);
        return found;
      },
    };
    const during = (work: () => Promise<unknown>): void => {
      other = work;
    };
    return { own, during };
  };
  for (const at of ['delete', 'look'] as const) {
    test(`a version that comes while its head is deleted is not lost (${at})`, async () => {
      const store = createMemoryStore(quiet);
      const heads = createHeadStore(store, 'one', quiet);
      await heads.keep(about('h'), fileOf(1));
      const { own, during } = interrupted(store, at, '/head.json');
      let keeping: Promise<Head> | undefined;
      during(() => {
        keeping = heads.keep(about('h'), fileOf(2));
        return keeping;
      });
      await createHeadStore(own, 'one', quiet).remove('h');
      const kept = await keeping;
      // It came before the deletion, and is gone with its files, or after it, and is there.
      const found = await heads.find('h', undefined).catch(() => undefined);
      const { keys } = await store.list('heads/');
      if (found) assert.equal(found.head.version, kept?.version);
      assert.equal(keys.length, found ? 3 : 0, keys.join());
    });
  }

  test('a version that is kept again while it is deleted has its files', async () => {
    const store = createMemoryStore(quiet);
    const heads = createHeadStore(store, 'one', quiet);
    const { version } = await heads.keep(about('h'), fileOf(1));
    await heads.keep(about('h'), fileOf(2));
    const { own, during } = interrupted(store, 'delete', `${version.slice('sha256:'.length)}.json`);
    let keeping: Promise<Head> | undefined;
    during(() => {
      keeping = heads.keep(about('h'), fileOf(1));
      return keeping;
    });
    await createHeadStore(own, 'one', quiet).remove('h', version);
    await keeping;
    assert.equal((await heads.find('h', version)).head.version, version);
    assert.deepEqual(await heads.file('h', version), fileOf(1));
  });

  test('what somebody left half deleted is kept again after a while', async () => {
    const store = createMemoryStore(quiet);
    const dying: Store = {
      ...store,
      delete: async () => {
        throw new Error('the disk is gone');
      },
    };
    const heads = createHeadStore(store, 'one', quiet);
    await heads.keep(about('h'), fileOf(1));
    await assert.rejects(createHeadStore(dying, 'one', quiet).remove('h'));
    await assert.rejects(heads.find('h', undefined), isUnknown);
    assert.deepEqual(await heads.list(), []);
    const { version } = await heads.keep(about('h'), fileOf(1));
    assert.equal((await heads.find('h', undefined)).head.version, version);
    await heads.remove('h');
    assert.deepEqual((await store.list('heads/')).keys, []);
  });

  test('a worker reads a version once, and refuses one that is damaged or foreign', async () => {
    const store = createMemoryStore(quiet);
    let reads = 0;
    const counted: Store = {
      ...store,
      get: async (key) => {
        reads++;
        return await store.get(key);
      },
    };
    const { version } = await createHeadStore(store, 'one', quiet).keep(about('h'), fileOf(5));
    const source = createHeadSource(counted);
    const address = { tenant: 'one', name: 'h', version };
    const head = await source.load(address);
    assert.equal(head.weights.linear[0], 5);
    await source.load(address);
    assert.equal(reads, 1);
    await assert.rejects(source.load({ ...address, tenant: 'other' }), isUnknown);
    await closeThreads();
  });
});

describe('files of heads', () => {
  const problemOf = (bytes: Uint8Array): string => {
    try {
      readHead(bytes);
    } catch (error) {
      assert.ok(error instanceof FailureError, String(error));
      assert.equal(error.failure.code, 'invalid_head');
      return error.failure.detail;
    }
    return '';
  };
  /** A file with a header of one's own. */
  const withHeader = (header: object, data: number): Uint8Array => {
    const text = new TextEncoder().encode(JSON.stringify(header));
    const bytes = new Uint8Array(8 + text.length + data);
    new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
    bytes.set(text, 8);
    return bytes;
  };

  test('come back as they were written', () => {
    const written = flatHead(4, 0.5);
    const { weights, labels } = readHead(writeHead(written, ['a', 'b'], {}));
    assert.deepEqual({ weights, labels }, { weights: written, labels: ['a', 'b'] });
  });

  test('that lie are refused by name, and cost nothing', () => {
    const norm = { '1.weight': { dtype: 'F32', shape: [2], data_offsets: [0, 8] } };
    const linear = (shape: number[], end: number) => ({
      '2.weight': { dtype: 'F32', shape, data_offsets: [8, end] },
    });
    assert.match(problemOf(new Uint8Array(3)), /shorter than 8 bytes/);
    assert.match(problemOf(withHeader({}, 0)), /2\.weight is missing/);
    assert.match(problemOf(withHeader({ ...norm, ...linear([3, 2], 32) }, 0)), /lie outside/);
    const vast = { ...norm, ...linear([2 ** 40, 2 ** 40], 32) };
    assert.match(problemOf(withHeader(vast, 32)), /takes .* bytes/);
    assert.match(
      problemOf(withHeader({ ...norm, ...linear([2, 3], 32) }, 32)),
      /1\.weight is \[2\]/,
    );
    assert.match(problemOf(withHeader({ other: norm['1.weight'] }, 8)), /tensor other/);
    const nan = writeHead(
      { ...flatHead(2, 1), linear: new Float64Array(6).fill(Number.NaN) },
      ['a', 'b'],
      {},
    );
    assert.match(problemOf(nan), /not finite/);
    assert.match(problemOf(writeHead(flatHead(2, 1), ['a'], {})), /2 classes, and 1 labels/);
    assert.match(problemOf(writeHead(flatHead(2, 1), ['a', 'a'], {})), /occurs twice/);
    const long = ['a', 'b'.repeat(10_000_000)];
    assert.match(problemOf(writeHead(flatHead(2, 1), long, {})), /header has \d+ bytes/);
  });
});
