/** What blobs of every store must do. Run on all implementations by `blobs.test.ts`. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type BlobInfo, type Blobs, collect } from '../../shared/store/blobs.ts';

export interface BlobsCase {
  readonly name: string;
  readonly skip: string | undefined;
  /** Blobs of the same place, as another process would open them. */
  readonly open: () => Promise<Blobs>;
}

const bytes = (length: number): Uint8Array<ArrayBuffer> =>
  Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8)) % 256);

async function* piecesOf(...pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* pieces;
}

export function blobsContract({ name, skip, open }: BlobsCase): void {
  describe(`blobs contract: ${name}`, { skip: skip ?? false }, () => {
    const run = `contract-blobs-${Date.now()}-${Math.floor(Math.random() * 1e9)}`;
    const at = (key: string): string => `${run}/${key}`;
    const read = async (blobs: Blobs, key: string, from?: number) => {
      const source = await blobs.read(at(key), from);
      return source && (await collect(source));
    };

    it('gives back what was written, at once or in pieces, from any byte', async () => {
      const blobs = await open();
      const whole = bytes(700_000);
      await blobs.write(at('whole'), whole);
      await blobs.write(at('pieces'), piecesOf(whole.subarray(0, 10), whole.subarray(10)));
      const other = await open();
      for (const key of ['whole', 'pieces']) {
        assert.deepEqual(await read(other, key), whole, key);
        assert.deepEqual(await read(other, key, 650_001), whole.subarray(650_001), key);
      }
      await blobs.write(at('empty'), new Uint8Array(0));
      assert.equal((await read(blobs, 'empty'))?.length, 0);
    });

    it('tells size and age, and what is not there', async () => {
      const blobs = await open();
      const before = Date.now();
      await blobs.write(at('told'), bytes(1234));
      const info = await blobs.info(at('told'));
      assert.equal(info?.size, 1234);
      // S3 tells seconds, by its own clock.
      assert.ok(info.modified > before - 5000 && info.modified < Date.now() + 5000);
      assert.equal(await blobs.info(at('nothing')), undefined);
      assert.equal(await blobs.read(at('nothing')), undefined);
      await blobs.touch(at('nothing'));
      await blobs.delete(at('nothing'));
    });

    it('a use makes it new, and leaves the bytes', async () => {
      const blobs = await open();
      await blobs.write(at('old'), bytes(50));
      const { modified = 0 } = (await blobs.info(at('old'))) ?? {};
      await new Promise((resolve) => setTimeout(resolve, 1100));
      await blobs.touch(at('old'));
      assert.ok(((await blobs.info(at('old')))?.modified ?? 0) > modified);
      assert.deepEqual(await read(blobs, 'old'), bytes(50));
    });

    it('a source that fails leaves what was there', async () => {
      const blobs = await open();
      await blobs.write(at('kept'), bytes(10));
      const failing = async function* (): AsyncGenerator<Uint8Array> {
        yield bytes(100_000);
        throw new Error('the caller has gone');
      };
      for (const key of ['kept', 'never'])
        await assert.rejects(blobs.write(at(key), failing()), /the caller has gone/);
      assert.deepEqual(await read(blobs, 'kept'), bytes(10));
      assert.equal(await blobs.info(at('never')), undefined);
    });

    it('a later write replaces an earlier one, and a deletion both', async () => {
      const blobs = await open();
      await blobs.write(at('twice'), bytes(10));
      await blobs.write(at('twice'), bytes(20));
      assert.deepEqual(await read(blobs, 'twice'), bytes(20));
      await blobs.delete(at('twice'));
      assert.equal(await blobs.info(at('twice')), undefined);
    });

    it('lists what lies under a prefix, `a` beside `a/b`', async () => {
      const blobs = await open();
      const keys = ['list/a', 'list/a/b', 'list/c', 'list-beside'];
      for (const [i, key] of keys.entries()) await blobs.write(at(key), bytes(i));
      const found: BlobInfo[] = [];
      for await (const info of blobs.list(at('list/'))) found.push(info);
      const told = found.map(({ key, size }) => `${key} ${size}`).sort();
      assert.deepEqual(told, [`${at('list/a')} 0`, `${at('list/a/b')} 1`, `${at('list/c')} 2`]);
    });

    it('keys are those of objects: nothing climbs out of its place', async () => {
      const blobs = await open();
      for (const key of ['../x', 'a//b', '', 'a/../../b'])
        await assert.rejects(blobs.write(key, bytes(1)), /malformed/, key);
    });
  });
}
