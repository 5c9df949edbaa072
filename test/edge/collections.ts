import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createClient, ProblemError } from '../../shared/client/index.ts';
import { problemOf } from './errors.ts';
import type { Fixture } from './suite.ts';

const COLLECTION = {
  name: 'a',
  embedding: { kind: 'vector', dimensions: 3 },
  dimensions: 3,
  metadata: { year: { type: 'integer', filter: true } },
  created_at: '2026-01-01T00:00:00.000Z',
  count: 0,
  index: { state: 'none' },
};

export function collectionTests(f: Fixture): void {
  const asked = () => f.worker.collectionAsked.at(-1);
  const client = () => createClient({ baseUrl: f.url });
  const send = (method: string, path: string, body?: unknown) =>
    fetch(`${f.url}/v1/collections${path}`, {
      method,
      ...(body !== undefined && {
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
    });
  const answering = async <T>(answer: unknown, work: () => Promise<T>): Promise<T> => {
    f.worker.collectionAnswer = answer;
    return await work();
  };

  test('collections: what a caller asks reaches a worker, with the tenant that the edge says', async () => {
    const { createCollection, collection, collections, deleteCollection } = client();
    const made = await answering(COLLECTION, () =>
      createCollection({
        name: 'a',
        embedding: { kind: 'vector', dimensions: 3 },
        metadata: { year: { type: 'integer' } },
      }),
    );
    assert.deepEqual(made, COLLECTION);
    assert.equal(asked()?.tenant, 'default');
    assert.deepEqual(asked()?.operation, {
      do: 'create',
      name: 'a',
      embedding: { kind: 'vector', dimensions: 3 },
      dimensions: 3,
      metadata: { year: { type: 'integer', filter: true } },
    });
    assert.deepEqual(await collection('a'), COLLECTION);
    const page = { collections: [made], next: 'a' };
    assert.deepEqual(await answering(page, () => collections({ limit: 1, after: 'Z' })), page);
    assert.deepEqual(asked()?.operation, { do: 'list', limit: 1, after: 'Z' });
    assert.deepEqual(await answering({ deleted: true }, () => deleteCollection('a')), {
      deleted: true,
    });
  });

  test('items: ids of any characters stand in addresses', async () => {
    const id = "a/b c?d#e%2F'ü";
    const item = { id, metadata: { year: 1 }, vector: [1, 0, 0] };
    assert.deepEqual(await answering(item, () => client().item('a', id)), item);
    assert.deepEqual(asked()?.operation, { do: 'item', name: 'a', id });
    await answering({ deleted: true }, () => client().deleteItem('a', id));
    assert.deepEqual(asked()?.operation, { do: 'remove', name: 'a', id });
    const added = await answering({ items: 1 }, () =>
      client().addItems('a', [{ id, vector: [1, 2, 3], metadata: { year: null } }]),
    );
    const nothing = { encoder_passes: 0, decoder_passes: 0, units: 0 };
    assert.deepEqual(added, { items: 1, usage: nothing });
    const page = { items: [{ id, metadata: {} }], next: null };
    assert.deepEqual(await answering(page, () => client().items('a', { after: id })), page);
    assert.deepEqual(asked()?.operation, { do: 'items', name: 'a', limit: 100, after: id });
  });

  test('search: a mix with a filter is passed on, and the answer told', async () => {
    const answer = { results: [{ id: 'x', metadata: { year: 2 }, score: 0.5 }] };
    const filter = { and: [{ field: 'year', gte: 2 }, { not: { field: 'year', in: [3, 4] } }] };
    const mix = [{ item: 'x' }, { vector: [1, 0, 0], weight: -0.5 }];
    const found = await answering(answer, () => client().search('a', { mix, filter, k: 3 }));
    const nothing = { encoder_passes: 0, decoder_passes: 0, units: 0 };
    assert.deepEqual(found, { ...answer, usage: nothing });
    const operation = asked()?.operation;
    assert.ok(operation?.do === 'search');
    assert.deepEqual([operation.request.filter, operation.request.k], [filter, 3]);
    const before = f.worker.collectionAsked.length;
    const dry = { dry_run: true, usage: nothing, exact: true };
    const search = await client().search('a', { mix, dry_run: true });
    assert.deepEqual(search, { ...dry, results: [] });
    const add = await client().addItems('a', [{ id: 'x', vector: [1] }], { dryRun: true });
    assert.deepEqual(add, { ...dry, items: 0 });
    assert.equal(f.worker.collectionAsked.length, before);
  });

  test('collections: what does not fit is refused at the door, with the field', async () => {
    const before = f.worker.collectionAsked.length;
    const good = { name: 'a', embedding: { kind: 'vector', dimensions: 3 } };
    const nan = Buffer.from(new Float32Array([1, Number.NaN]).buffer).toString('base64');
    const cases: readonly (readonly [string, string, unknown, string])[] = [
      ['POST', '', { ...good, name: '../a' }, '/name'],
      ['POST', '', { ...good, name: 'A' }, '/name'],
      [
        'POST',
        '',
        { ...good, embedding: { kind: 'vector', dimensions: 0 } },
        '/embedding/dimensions',
      ],
      ['POST', '', { ...good, metadata: { a: { type: 'date' } } }, '/metadata/a/type'],
      ['POST', '/a/items', { items: [] }, '/items'],
      ['POST', '/a/items', { items: [{ id: '', vector: [1] }] }, '/items/0/id'],
      ['POST', '/a/items', { items: [{ id: '..', vector: [1] }] }, '/items/0/id'],
      ['POST', '/a/items', { items: [{ id: 'x' }] }, '/items/0'],
      ['POST', '/a/items', { items: [{ id: 'x', vector: [1, 'b'] }] }, '/items/0/vector/1'],
      ['POST', '/a/items', { items: [{ id: 'x', vector: [] }] }, '/items/0/vector'],
      [
        'POST',
        '/a/items',
        { items: [{ id: 'x', vector: [1], metadata: { a: [1] } }] },
        '/items/0/metadata/a',
      ],
      ['POST', '/a/search', { vector: [1], k: 0 }, '/k'],
      ['POST', '/a/search', { vector: [1], k: 1001 }, '/k'],
      ['POST', '/a/search', {}, ''],
      ['POST', '/a/search', { vector: [1], item: 'x' }, ''],
      ['POST', '/a/search', { mix: [{ item: 'x', weight: 0 }] }, '/mix/0/weight'],
      ['POST', '/a/search', { vector: [1], filter: { field: 'a' } }, '/filter'],
      ['POST', '/a/search', { vector: [1], filter: { sql: '1=1' } }, '/filter'],
      ['GET', '?limit=0', undefined, '/limit'],
      ['GET', '/a/items?limit=x', undefined, '/limit'],
      ['GET', '/a/items?after=', undefined, '/after'],
    ];
    for (const [method, path, body, pointer] of cases) {
      const problem = await problemOf(await send(method, path, body), 'invalid_request');
      const said = JSON.stringify([path, body, problem.errors]);
      assert.ok(
        problem.errors?.some((error) => error.pointer.startsWith(pointer)),
        said,
      );
    }
    for (const path of ['/a%2Fb', "/a'b", '/..%2Fa', `/${'a'.repeat(64)}`])
      await problemOf(await send('GET', path), 'unknown_collection');
    await problemOf(await send('GET', '/a/items/%00'), 'unknown_item');
    assert.equal(f.worker.collectionAsked.length, before);
    // What numbers of base64 are is for the worker to say.
    await answering({ items: 1 }, () =>
      send('POST', '/a/items', { items: [{ id: 'x', vector: { float32: nan } }] }),
    );
    assert.equal(f.worker.collectionAsked.length, before + 1);
  });

  test("collections: a worker's refusal is the caller's answer", async () => {
    const detail = 'there is no collection a';
    f.worker.failure = { code: 'unknown_collection', detail };
    try {
      const caught = await client()
        .collection('a')
        .catch((error: unknown) => error);
      assert.ok(caught instanceof ProblemError);
      assert.deepEqual([caught.problem.status, caught.problem.detail], [404, detail]);
      f.worker.failure = { code: 'no_collections', detail: 'none are kept' };
      await problemOf(await send('GET', ''), 'no_collections');
    } finally {
      f.worker.failure = undefined;
    }
  });
}
