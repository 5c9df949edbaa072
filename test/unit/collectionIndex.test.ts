/** The index of a collection: when it is built, what it finds, and what is searched beside it. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, mock, test } from 'node:test';
import { openCollections } from '../../worker/retrieval/collections.ts';
import type { Row } from '../../worker/retrieval/rows.ts';
import { settingsFor } from '../../worker/retrieval/search.ts';
import type { Opened, Tables } from '../../worker/retrieval/tables.ts';
import { createUpkeep, needOf, needsTuning } from '../../worker/retrieval/upkeep.ts';
import { unit } from '../../worker/retrieval/vectors.ts';
import { closeThreads } from '../../worker/threads/inThread.ts';

const folder = await mkdtemp(join(tmpdir(), 'fourm-index-'));
const log: Record<string, unknown>[] = [];
const collections = openCollections({ uri: folder, storage: {} }, (entry) => void log.push(entry));
after(async () => {
  await collections.close();
  await closeThreads();
  await rm(folder, { recursive: true, force: true });
});

/** Numbers from 0 to 1, the same in every run. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

const DIMENSIONS = 32;
const random = randomNumbers(7);
const centres = Array.from({ length: 60 }, () =>
  Array.from({ length: DIMENSIONS }, () => random() - 0.5),
);
const near = (centre: readonly number[]) =>
  unit(
    centre.map((number) => number + 0.3 * (random() - 0.5)),
    [],
  );
const ITEMS = 12_000;
const rows = Array.from(
  { length: ITEMS },
  (_, i): Row => ({
    id: `item-${i}`,
    vector: near(centres[i % centres.length]!),
    metadata: { group: i % 5 === 0 ? 'fifth' : 'rest' },
  }),
);
const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, x, i) => sum + x * b[i]!, 0);
const nearest = (vector: Float32Array, among: readonly Row[], k: number) =>
  among
    .map((row) => ({ id: row.id, score: dot(vector, row.vector) }))
    .sort((a, b) => b.score - a.score)
    .slice(0, k)
    .map(({ id }) => id);

test('many items are indexed, with settings that were measured, and found as by comparison', async () => {
  const at = { tenant: 'default', name: 'many' };
  await collections.create('default', {
    name: 'many',
    embedding: { kind: 'vector', dimensions: DIMENSIONS },
    dimensions: DIMENSIONS,
    metadata: { group: { type: 'string', filter: true } },
  });
  const made = { tenant: 'default', description: await collections.describe(at) };
  for (let from = 0; from < ITEMS; from += 3000)
    await collections.put(made, rows.slice(from, from + 3000));
  await collections.settled();
  const { index, count } = await collections.get(at);
  assert.equal(count, ITEMS, JSON.stringify(log));
  assert.equal(index.state, 'ready', JSON.stringify(log));
  assert.equal(index.items, ITEMS);
  assert.ok((index.recall_at_10 ?? 0) >= 0.965, JSON.stringify(index));

  let [found, all] = [0, 0];
  for (let i = 0; i < 40; i++) {
    const vector = near(centres[(i * 7) % centres.length]!);
    const answer = await collections.search(at, {
      vector,
      k: 10,
      filter: undefined,
      vectors: false,
    });
    assert.ok(answer.settings, 'the index was asked');
    const ids = answer.results.map(({ id }) => id);
    const truth = nearest(vector, rows, 10);
    found += truth.filter((id) => ids.includes(id)).length;
    all += truth.length;
  }
  assert.ok(found / all >= 0.95, `recall ${found / all}`);

  // Few items by a filter are compared one by one: nothing is missed.
  const vector = near(centres[3]!);
  const filter = { field: 'group', eq: 'fifth' };
  const filtered = await collections.search(at, { vector, k: 10, filter, vectors: false });
  const fifth = rows.filter(({ metadata }) => metadata.group === 'fifth');
  assert.equal(filtered.settings, undefined);
  assert.deepEqual(
    filtered.results.map(({ id }) => id),
    nearest(vector, fifth, 10),
  );

  // What came after the index is found at once, and what was replaced or deleted is not.
  const stranger = unit(
    Array.from({ length: DIMENSIONS }, (_, i) => (i === 5 ? 1 : 0)),
    [],
  );
  await collections.put(made, [{ id: 'late', vector: stranger, metadata: {} }]);
  const ask = async () => {
    const answer = await collections.search(at, {
      vector: stranger,
      k: 3,
      filter: undefined,
      vectors: false,
    });
    return answer.results[0]?.id;
  };
  assert.equal(await ask(), 'late');
  await collections.put(made, [{ id: 'item-9', vector: stranger, metadata: {} }]);
  await collections.remove(at, 'late');
  assert.equal(await ask(), 'item-9');
  await collections.put(made, [
    { id: 'item-9', vector: centres[0] ? near(centres[0]) : stranger, metadata: {} },
  ]);
  assert.notEqual(await ask(), 'item-9');
  assert.equal((await collections.get(at)).count, ITEMS);
});

test('vectors of any length are indexed', async () => {
  const dimensions = 5;
  const at = { tenant: 'default', name: 'odd' };
  const embedding = { kind: 'vector' as const, dimensions };
  await collections.create('default', { name: 'odd', embedding, dimensions, metadata: {} });
  const made = { tenant: 'default', description: await collections.describe(at) };
  const numbers = () => Array.from({ length: dimensions }, () => random() - 0.5);
  const odd = Array.from(
    { length: 10_200 },
    (_, i): Row => ({ id: `odd-${i}`, vector: unit(numbers(), []), metadata: {} }),
  );
  await collections.put(made, odd);
  await collections.settled();
  assert.equal((await collections.get(at)).index.state, 'ready', JSON.stringify(log.at(-1)));
  const vector = unit(numbers(), []);
  const asked = { vector, k: 5, filter: undefined, vectors: false };
  const { results, settings } = await collections.search(at, asked);
  assert.ok(settings, 'the index was asked');
  assert.equal(results[0]?.id, nearest(vector, odd, 1)[0]);
});

test('what is written during the last look is looked at', async () => {
  let clock = 10_000;
  const time = mock.method(performance, 'now', () => clock);
  const reference = { tenant: 'default', name: 'looked', uid: 'u' };
  let looks = 0;
  const stats = async () => {
    looks++;
    // Somebody writes after the table was looked at, and nobody later.
    if (looks === 1) upkeep.touch(reference, true);
    else clock += 10_000;
    return { numRows: 1, fragmentStats: { numFragments: 1 } };
  };
  const opened = { table: { stats }, tuning: undefined } as unknown as Opened;
  const tables = { use: <T>(_: unknown, work: (own: Opened) => Promise<T>) => work(opened) };
  const upkeep = createUpkeep(tables as unknown as Tables, () => {});
  upkeep.touch(reference, false);
  await upkeep.settled();
  time.mock.restore();
  assert.ok(looks > 1, `${looks} looks`);
});

test('a table is looked after when it has grown, is in pieces, or has much beside its index', () => {
  const calm = { items: 5000, trained: undefined, unindexed: 0, files: 3, idle: false };
  assert.equal(needOf(calm), undefined);
  const idle = { ...calm, idle: true };
  assert.equal(needOf({ ...idle, items: 10_000 }), undefined);
  assert.equal(needOf({ ...idle, items: 10_001 }), 'index');
  assert.equal(needOf({ ...calm, items: 10_001 }), undefined);
  assert.equal(needOf({ ...calm, items: 100_001 }), 'index');
  assert.equal(needOf({ ...idle, items: 45_000, trained: 15_000 }), undefined);
  assert.equal(needOf({ ...idle, items: 45_001, trained: 15_000 }), 'index');
  assert.equal(needOf({ ...calm, items: 45_001, trained: 15_000 }), undefined);
  assert.equal(needOf({ ...calm, files: 33 }), 'optimize');
  assert.equal(needOf({ ...calm, files: 5, idle: true }), 'optimize');
  const large = { ...calm, items: 1_000_000, trained: 900_000 };
  assert.equal(needOf({ ...large, unindexed: 40_000 }), undefined);
  assert.equal(needOf({ ...large, unindexed: 51_000 }), 'optimize');
  assert.equal(needOf({ ...large, unindexed: 501, idle: true }), 'optimize');
});

test('an index is measured anew after growth, but not one that is built anew soon', () => {
  const tuning = { items: 100_000, trained: 90_000 };
  assert.equal(needsTuning(120_000, tuning), false);
  assert.equal(needsTuning(120_001, tuning), true);
  assert.equal(needsTuning(270_000, tuning), true);
  assert.equal(needsTuning(270_001, tuning), false);
});

test('a search in fewer items looks at more of the index, up to all of it', () => {
  const tuning = {
    partitions: 1000,
    nprobes: 50,
    refine: 10,
    recall: 0.98,
    items: 1e6,
    trained: 1e6,
  };
  assert.deepEqual(settingsFor(tuning, 1e6, 1e6), tuning);
  assert.deepEqual(settingsFor(tuning, 1e6, 2e5), { nprobes: 250, refine: 30 });
  assert.deepEqual(settingsFor(tuning, 1e6, 2e4), { nprobes: 1000, refine: 30 });
});
