/** Rows that stay where graphs run: what is kept is fed again, whatever they lie beside. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createRowStore } from '../../worker/session/rows.ts';
import type { FloatTensor } from '../../worker/session/types.ts';

const SHAPE = [2, 3] as const;
const [HEADS, SIZE] = SHAPE;

/** Numbers that tell row, token, head and place. */
const number = (row: number, token: number, head: number, i: number): number =>
  1000 * row + 10 * token + 3 * head + i + 1;

/** An output of these rows: tokens `from` to `to` of each. */
function output(rows: readonly number[], from: number, to: number): FloatTensor {
  const length = to - from;
  const data = new Float32Array(rows.length * HEADS * length * SIZE);
  let at = 0;
  for (const row of rows)
    for (let head = 0; head < HEADS; head++)
      for (let token = from; token < to; token++)
        for (let i = 0; i < SIZE; i++) data[at++] = number(row, token, head, i);
  return { type: 'float32', dims: [rows.length, HEADS, length, SIZE], data };
}

const feed = (rows: readonly { id: number; tokens: number }[]) => ({
  names: ['key'],
  type: 'float32' as const,
  rows,
  shape: SHAPE,
});

/** Asserts that each row shows its own tokens, and then zeros up to the width. */
function assertFed({ dims, data }: FloatTensor, rows: readonly { id: number; tokens: number }[]) {
  const [count, heads, width = 0, size] = dims;
  assert.deepEqual([count, heads, size, width % 16], [rows.length, HEADS, SIZE, 0]);
  let at = 0;
  for (const { id, tokens } of rows)
    for (let head = 0; head < HEADS; head++)
      for (let token = 0; token < width; token++)
        for (let i = 0; i < SIZE; i++, at++)
          if (token < tokens) assert.equal(data[at], number(id, token, head, i));
}

describe('a store of rows', () => {
  test('feeds what it has kept, of other lengths beside each other', () => {
    const store = createRowStore();
    const keep = (ids: readonly number[], from: number, to: number) =>
      store.keep(
        { names: ['next'], rows: ids.map((id) => ({ id, from })) },
        { next: output(ids, from, to) },
      );
    keep([1, 2], 0, 4);
    keep([1, 2], 4, 20);
    keep([3], 0, 4);
    const rows = [
      { id: 3, tokens: 4 },
      { id: 1, tokens: 20 },
      { id: 2, tokens: 20 },
    ];
    const { key } = store.feeds(feed(rows));
    assertFed(key as FloatTensor, rows);
    assert.equal(key!.dims[2], 32);
    store.forget([1, 2]);
    assert.equal(store.size(), 1);
    assert.throws(() => store.feeds(feed(rows)), /the rows that are kept/);
  });

  test('rows that go on together are not copied', () => {
    const store = createRowStore();
    const ids = [4, 5];
    const rows = (tokens: number) => ids.map((id) => ({ id, tokens }));
    const run = (tokens: number) => {
      const { key } = store.feeds(feed(rows(tokens)));
      const kept = rows(tokens).map(({ id, tokens: from }) => ({ id, from }));
      store.keep({ names: ['next'], rows: kept }, { next: output(ids, tokens, tokens + 4) });
      return key as FloatTensor;
    };
    const fed = [0, 4, 8, 12, 16, 20].map(run);
    assert.equal(fed[1]!.data, fed[2]!.data);
    assert.equal(fed[2]!.data, fed[3]!.data);
    assert.equal(fed[3]!.data, fed[4]!.data);
    assert.notEqual(fed[4]!.data, fed[5]!.data, 'a block that is full is replaced by a larger one');
    assertFed(store.feeds(feed(rows(24))).key as FloatTensor, rows(24));
  });
});
