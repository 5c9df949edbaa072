/** Pieces of files of items -> items and errors, line by line. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { FailureError } from '../../shared/api/problem.ts';
import { importRows } from '../../worker/values/importRows.ts';
import { writeNpy } from '../../worker/values/npy.ts';
import { REPOSITORY } from '../support/shared.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const parquet = (name: string): Promise<Buffer> =>
  readFile(join(REPOSITORY, 'test/cases/parquet', `${name}.parquet`));
const refused = async (work: Promise<unknown>): Promise<string> => {
  const error = await work.then(
    () => undefined,
    (caught: unknown) => caught,
  );
  assert.ok(error instanceof FailureError, String(error));
  return `${error.failure.code}: ${error.failure.detail}`;
};

test('each line of JSON is an item or an error of its own', async () => {
  const lines = [
    '{"id":"a","vector":[1,2],"metadata":{"x":1}}\r',
    '',
    '{"id":"b"}',
    '{"id":"c","vector":[1,"x"]}',
    '{"id":"d","vector":[1],"other":1}',
    '[1]',
    '{"id":"e","inputs":{"caption":"x"}}',
    '{"id":',
  ];
  const { lines: read, errors } = await importRows({
    format: 'jsonl',
    data: bytes(lines.join('\n')),
  });
  assert.deepEqual(
    read.map(({ line, item }) => [line, item.id]),
    [
      [0, 'a'],
      [6, 'e'],
    ],
  );
  assert.deepEqual(
    errors.map(({ line, code, pointer }) => [line, code, pointer]),
    [
      [2, 'invalid_request', ''],
      [3, 'invalid_request', '/vector/1'],
      [4, 'invalid_request', '/other'],
      [5, 'invalid_request', ''],
      [7, 'invalid_json', ''],
    ],
  );
});

test('rows of an array get their ids, and one that is not finite is refused alone', async () => {
  const values = new Float32Array([1, 2, 3, Number.NaN, 5, 6]);
  const data = writeNpy(values, [3, 2]);
  const { lines, errors } = await importRows({ format: 'npy', data, ids: ['a', '', 'c'] });
  assert.deepEqual(lines, [
    { line: 0, item: { id: 'a', vector: [1, 2], metadata: {} } },
    { line: 2, item: { id: 'c', vector: [5, 6], metadata: {} } },
  ]);
  assert.equal(errors[0]?.line, 1);
  assert.match(await refused(importRows({ format: 'npy', data, ids: ['a'] })), /3 rows, but 1 ids/);
});

test('Parquet of another writer is read, page by page, in either compression', async () => {
  const first = await importRows({
    format: 'parquet',
    data: await parquet('snappy'),
    from: 0,
    to: 100,
  });
  assert.equal(first.all, 5);
  assert.deepEqual(first.lines[0]?.item, {
    id: 'p1',
    vector: [Math.fround(Math.sin(1)), Math.fround(Math.cos(1)), 0.5],
    metadata: { year: 2001, city: 'city 1', open: false },
  });
  assert.deepEqual(first.lines[2]?.item.metadata, { year: 2003, open: false });
  const data = await parquet('zstd');
  const ids: string[] = [];
  for (let from = 0; from < 3000; from += 700) {
    const { lines, errors, all } = await importRows({
      format: 'parquet',
      data,
      from,
      to: from + 700,
    });
    assert.deepEqual([errors, all], [[], 2500]);
    ids.push(...lines.map(({ item }) => item.id));
  }
  assert.deepEqual(
    ids,
    Array.from({ length: 2500 }, (_, i) => `p${i + 1}`),
  );
});

test('a damaged file is refused as a whole', async () => {
  const data = await parquet('zstd');
  for (const wrong of [
    data.subarray(0, 1000),
    data.subarray(100),
    Buffer.from('PAR1PAR1'),
    Buffer.alloc(0),
  ])
    assert.match(
      await refused(importRows({ format: 'parquet', data: wrong, from: 0, to: 9 })),
      /^invalid_request: the parquet file cannot be read/,
    );
  const damaged = Buffer.from(data);
  damaged.fill(0xff, 200, 4000);
  assert.match(
    await refused(importRows({ format: 'parquet', data: damaged, from: 0, to: 2000 })),
    /its pages cannot be read/,
  );
});
