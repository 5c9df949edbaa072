/** What collections do in any place: a folder, or a bucket. Two of them stand for two workers that share it. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { FailureError } from '../../shared/api/problem.ts';
import { type Collections, openCollections } from '../../worker/retrieval/collections.ts';
import type { CollectionsPlace } from '../../worker/retrieval/place.ts';
import type { Row } from '../../worker/retrieval/rows.ts';
import { unit } from '../../worker/retrieval/vectors.ts';

const TENANT = 'default';
const METADATA = {
  city: { type: 'string', filter: true },
  year: { type: 'integer', filter: true },
  share: { type: 'number', filter: true },
  open: { type: 'boolean', filter: true },
  note: { type: 'string', filter: false },
} as const;

const row = (id: string, numbers: readonly number[], metadata: Row['metadata'] = {}): Row => ({
  id,
  vector: unit(numbers, []),
  metadata,
});
const codeOf = async (work: Promise<unknown>): Promise<string> => {
  const error = await work.then(
    () => assert.fail('it succeeded'),
    (caught: unknown) => caught,
  );
  assert.ok(error instanceof FailureError, String(error));
  return error.failure.code;
};

export interface CollectionsPlatform {
  readonly name: string;
  readonly skip: string | undefined;
  /** A place of its own, with nothing in it. */
  readonly place: () => Promise<CollectionsPlace>;
}

export function collectionsContract({ name, skip, place }: CollectionsPlatform): void {
  describe(`collections in ${name}`, { skip: skip ?? false }, () => {
    let collections: Collections;
    let other: Collections;
    before(async () => {
      const own = await place();
      collections = openCollections(own, () => {});
      other = openCollections(own, () => {});
    });
    after(async () => {
      await collections?.close();
      await other?.close();
    });

    async function make(name: string, dimensions = 4, own = collections, tenant = TENANT) {
      const embedding = { kind: 'vector' as const, dimensions };
      await own.create(tenant, { name, embedding, dimensions, metadata: METADATA });
      return { tenant, description: await own.describe({ tenant, name }) };
    }

    test('items are kept, replaced, read, listed by id and deleted', async () => {
      const made = await make('shapes');
      const at = { tenant: TENANT, name: 'shapes' };
      const odd = `it's "q" \\ 100% \`x\` ü 日本`;
      await collections.put(made, [
        row('b', [1, 0, 0, 0], { city: odd, year: 2024, share: 0.5, open: true, note: 'n' }),
        row(odd, [0, 2, 0, 0]),
        row('a', [0, 0, 3, 0], { year: null }),
      ]);
      assert.deepEqual((await collections.item(at, 'b')).metadata, {
        city: odd,
        year: 2024,
        share: 0.5,
        open: true,
        note: 'n',
      });
      assert.deepEqual((await collections.item(at, odd)).vector, [0, 1, 0, 0]);
      await collections.put(made, [row('b', [0, 0, 0, 1], { year: 1 })]);
      assert.deepEqual(await collections.item(at, 'b'), {
        id: 'b',
        metadata: { year: 1 },
        vector: [0, 0, 0, 1],
      });
      assert.equal((await collections.get(at)).count, 3);
      const first = await collections.items(at, { limit: 2 });
      assert.deepEqual(
        first.entries.map(({ id }) => id),
        ['a', 'b'],
      );
      const second = await collections.items(at, { limit: 2, after: first.next ?? '' });
      assert.deepEqual([second.entries.map(({ id }) => id), second.next], [[odd], null]);
      await collections.remove(at, odd);
      assert.equal(await codeOf(collections.remove(at, odd)), 'unknown_item');
      assert.equal(await codeOf(collections.item(at, odd)), 'unknown_item');
    });

    test('scores are cosines, of all items, nearest first', async () => {
      const made = await make('cosines', 3);
      const rows = Array.from({ length: 200 }, (_, i) =>
        row(`i${i}`, [Math.sin(i), Math.cos(3 * i), Math.sin(7 * i + 1)]),
      );
      await collections.put(made, rows);
      const vector = unit([0.3, -0.2, 0.9], []);
      const expected = rows
        .map(({ id, vector: own }) => ({
          id,
          score: own.reduce((sum, number, i) => sum + number * vector[i]!, 0),
        }))
        .sort((a, b) => b.score - a.score)
        .slice(0, 7);
      const at = { tenant: TENANT, name: 'cosines' };
      const { results } = await collections.search(at, {
        vector,
        k: 7,
        filter: undefined,
        vectors: false,
      });
      assert.deepEqual(
        results.map(({ id }) => id),
        expected.map(({ id }) => id),
      );
      for (const [i, { score }] of results.entries())
        assert.ok(Math.abs(score - expected[i]!.score) < 1e-5);
    });

    test('one name belongs to one tenant, and a second process sees what the first did', async () => {
      await make('mine', 2);
      const theirs = { tenant: 'Default', name: 'mine' };
      assert.equal(await codeOf(collections.get(theirs)), 'unknown_collection');
      const made = await make('mine', 3, collections, 'Default');
      await other.put(made, [row('x', [1, 0, 0])]);
      assert.equal((await collections.get(theirs)).count, 1);
      assert.equal((await other.get({ tenant: TENANT, name: 'mine' })).count, 0);
      assert.equal(await codeOf(make('mine', 2, other)), 'collection_exists');
      await other.drop(theirs);
      assert.equal(await codeOf(collections.get(theirs)), 'unknown_collection');
      assert.equal(
        await codeOf(collections.put(made, [row('y', [1, 0, 0])])),
        'unknown_collection',
      );
      // A collection that was made anew under the name is another one.
      await make('mine', 3, other, 'Default');
      assert.equal(
        await codeOf(collections.put(made, [row('y', [1, 0, 0])])),
        'unknown_collection',
      );
      assert.equal((await collections.get(theirs)).count, 0);
    });

    test('writes at once are gathered into few commits, and the last of one id counts', async () => {
      const made = await make('gathered', 2);
      const at = { tenant: TENANT, name: 'gathered' };
      await Promise.all(
        Array.from({ length: 300 }, (_, i) =>
          collections.put(made, [row(`i${i % 100}`, [1, i], { year: i })]),
        ),
      );
      assert.equal((await collections.get(at)).count, 100);
      for (const i of [0, 37, 99])
        assert.equal((await collections.item(at, `i${i}`)).metadata.year, 200 + i);
    });

    test('two workers that add the same ids at once leave each once', async () => {
      const made = await make('shared', 2);
      for (let round = 0; round < 12; round++) {
        const rows = (year: number) => [0, 1, 2].map((i) => row(`${round}.${i}`, [1, i], { year }));
        await Promise.all([collections.put(made, rows(1)), other.put(made, rows(2))]);
      }
      const { entries } = await collections.items(
        { tenant: TENANT, name: 'shared' },
        { limit: 1000 },
      );
      assert.equal(entries.length, 36);
      assert.equal(new Set(entries.map(({ id }) => id)).size, 36);
    });

    test('one that is deleted while items are added stays gone, and its name is free', async () => {
      const at = { tenant: TENANT, name: 'leaving' };
      for (let round = 0; round < 10; round++) {
        const made = await make('leaving');
        const items = Array.from({ length: 100 }, (_, i) => row(`i${i}`, [1, i, 0, 0]));
        await collections.put(made, items);
        let writes = 0;
        const writing = (async () => {
          for (; ; writes++) await collections.put(made, [row(`${writes}`, [1, 0, writes, 0])]);
        })();
        const ended = codeOf(writing);
        const aim = writes + (round % 3);
        while (writes <= aim) await new Promise((resolve) => setTimeout(resolve, 3));
        await collections.drop(at);
        assert.equal(await codeOf(collections.get(at)), 'unknown_collection');
        const again = await make('leaving', 8);
        await collections.put(again, [row('a', [1, 0, 0, 0, 0, 0, 0, 0])]);
        assert.equal(await ended, 'unknown_collection');
        assert.equal((await collections.items(at, { limit: 10 })).entries.length, 1);
        await collections.drop(at);
      }
    });

    test('collections are listed by name, page by page', async () => {
      const tenant = 'lister';
      for (const name of ['c', 'a', 'b']) await make(name, 2, collections, tenant);
      const first = await collections.list(tenant, { limit: 2 });
      assert.deepEqual([first.entries.map(({ name }) => name), first.next], [['a', 'b'], 'b']);
      const second = await collections.list(tenant, { limit: 2, after: 'b' });
      assert.deepEqual([second.entries.map(({ name }) => name), second.next], [['c'], null]);
    });
  });
}
