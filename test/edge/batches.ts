/** Batches: taken, worked on line by line through the edge itself, followed, canceled, listed; and what is no batch. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Batch,
  type BatchLine,
  batchesResponseSchema,
  batchSchema,
} from '../../shared/api/batches.ts';
import { BATCH_IDS } from '../../shared/api/batchId.ts';
import { MOST_LINES } from '../../shared/api/batchLimits.ts';
import { createdUploadSchema } from '../../shared/api/uploads.ts';
import { deliveriesResponseSchema } from '../../shared/api/webhooks.ts';
import { createBatch } from '../../shared/batches/batch.ts';
import { createBatchStore } from '../../shared/batches/batchStore.ts';
import { createClient } from '../../shared/client/index.ts';
import { readEvents } from '../../shared/sse.ts';
import { closedGate, until } from '../support/waiting.ts';
import { problemOf } from './errors.ts';
import type { Fixture } from './suite.ts';

const NDJSON = { 'content-type': 'application/x-ndjson' };

/** @param areThere whether edge and worker share a store */
export function batchTests(f: Fixture, areThere: boolean): void {
  const at = (path: string, init?: RequestInit) => fetch(`${f.url}/v1/batches${path}`, init);
  const post = (body: BodyInit, query = '', headers: Record<string, string> = NDJSON) =>
    at(query, { method: 'POST', headers, body });
  const batchOf = async (answer: Response): Promise<Batch> =>
    batchSchema.parse(await answer.json());
  const linesOf = async (answer: Response): Promise<BatchLine[]> => {
    assert.equal(answer.headers.get('content-type'), 'application/x-ndjson');
    const text = await answer.text();
    return text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)]));
  };
  const ended = async (id: string): Promise<Batch> => {
    let batch: Batch | undefined;
    await until(async () => {
      batch = await batchOf(await at(`/${id}`));
      return batch.output_url !== null;
    }, `${id} has ended`);
    return batch as Batch;
  };
  let seed = 700_000;
  const generate = () => ({ inputs: { caption: 'a line' }, targets: ['depth'], seed: seed++ });
  const line = (custom_id: string, url: string, body: unknown): string =>
    JSON.stringify({ custom_id, method: 'POST', url, body });

  if (!areThere) {
    test('batches: none without a store that workers share', async () => {
      await problemOf(await post(line('a', '/v1/generate', generate())), 'no_batches');
      await problemOf(await at(''), 'no_batches');
      await problemOf(await at(`/${BATCH_IDS.create(Date.now())}`), 'no_batches');
    });
    return;
  }

  test('batches: lines of every kind are answered as directly, in order, and wrong ones are errors of their own', async () => {
    const one = generate();
    const embed = { inputs: { caption: 'b' }, features: 'mean' };
    const input = [
      line('a', '/v1/generate', one),
      '{"custom_id": "broken',
      line('b', '/v1/embed', embed),
      '',
      line('c', '/v1/tokenize', { inputs: { caption: 'tokens' } }),
      line('d', '/v1/generate', { ...one, targets: ['nothing'] }),
      line('e', '/v1/classify', { inputs: {}, head: 'none' }),
      line('f', '/v1/models', {}),
      line('g', '/v1/generate', one),
    ].join('\n');
    const answer = await post(input, '?completion_window=2h');
    assert.equal(answer.status, 200);
    const made = await batchOf(answer);
    assert.equal(made.request_counts.total, 8);
    assert.equal(made.expires_at - made.created_at, 7200);
    const done = await ended(made.id);
    assert.equal(done.status, 'completed');
    const output = await linesOf(await at(`/${made.id}/output`));
    const errors = await linesOf(await at(`/${made.id}/errors`));
    assert.deepEqual(done.request_counts, {
      total: 8,
      completed: output.length,
      failed: errors.length,
    });
    const direct = await fetch(`${f.url}/v1/generate`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(one),
    });
    assert.equal(direct.headers.get('cache-status'), 'fourm-edge; hit', 'lines fill the cache');
    const result = await direct.json();
    const answered = new Map(output.map((own) => [own.custom_id, own]));
    assert.deepEqual(answered.get('a')?.response?.body, result);
    assert.deepEqual(answered.get('g')?.response?.body, result);
    assert.equal(answered.get('a')?.response?.status_code, 200);
    assert.equal(answered.get('a')?.id, `${made.id}-1`);
    assert.ok(answered.has('c'));
    const problems = errors.map(({ custom_id, response, error }) => [
      custom_id,
      error?.code ?? (response?.body as { code: string } | undefined)?.code,
    ]);
    assert.deepEqual(problems.slice(0, 2), [
      [null, 'invalid_json'],
      ['d', 'unknown_target'],
    ]);
    assert.deepEqual(problems.at(-1), ['f', 'invalid_request']);
    assert.equal(errors[0]?.error?.line, 2);
    const asked = f.worker.asked.filter((own) => own.seed === one.seed);
    assert.deepEqual(
      asked.map(({ priority }) => priority),
      ['batch'],
      'equal lines are computed once',
    );
  });

  test('batches: a full worker is waited for, and is no error', async () => {
    f.worker.failure = { code: 'overloaded', detail: 'full', retryAfterSeconds: 1 };
    const made = await batchOf(await post(line('a', '/v1/generate', generate())));
    await until(() => f.worker.asked.at(-1)?.seed === seed - 1, 'the line was tried');
    f.worker.failure = undefined;
    const done = await ended(made.id);
    assert.deepEqual(done.request_counts, { total: 1, completed: 1, failed: 0 });
  });

  test('batches: lines sent again with their Idempotency-Key are the same batch', async () => {
    // A body that is read in one step, and one that is read in pieces.
    for (const padding of [0, 100_000]) {
      const lines = `${line('a', '/v1/embed', {})}\n${' '.repeat(padding)}`;
      const headers = { ...NDJSON, 'idempotency-key': crypto.randomUUID() };
      const first = await post(lines, '', headers);
      assert.equal(first.status, 200, await first.clone().text());
      const made = await batchOf(first);
      assert.deepEqual((await ended(made.id)).request_counts, {
        total: 1,
        completed: 0,
        failed: 1,
      });
      const again = await post(lines, '', headers);
      assert.equal(again.headers.get('idempotent-replayed'), 'true');
      assert.deepEqual(await batchOf(again), made);
      await problemOf(await post(`${lines}\n{}`, '', headers), 'idempotency_mismatch');
      const nothing = { ...NDJSON, 'idempotency-key': crypto.randomUUID() };
      await problemOf(await post('', '', nothing), 'empty_request');
    }
  });

  test('batches: a cancel stops what is under way; files are there at the end; events tell of it', async () => {
    const client = createClient({ baseUrl: f.url });
    const openGate = closedGate(f);
    try {
      const made = await client.batches.create([
        { custom_id: 'a', method: 'POST', url: '/v1/generate', body: generate() },
      ]);
      await until(() => f.worker.asked.at(-1)?.seed === seed - 1, 'the line is under way');
      await problemOf(await at(`/${made.id}/output`), 'batch_unfinished');
      const events = await at(`/${made.id}/events`);
      const cancelled = await client.batches.cancel(made.id);
      assert.equal(cancelled.status, 'cancelling');
      const told: string[] = [];
      if (events.body)
        for await (const { event, data } of readEvents(events.body))
          told.push(`${event} ${(JSON.parse(data) as Batch).status}`);
      assert.equal(told.at(-1), 'end cancelled');
      assert.equal((await client.batches.wait(made.id)).status, 'cancelled');
      const errors: BatchLine[] = [];
      for await (const own of client.batches.errors(made.id)) errors.push(own);
      assert.deepEqual(
        errors.map(({ custom_id, error }) => [custom_id, error?.code]),
        [['a', 'batch_cancelled']],
      );
      assert.equal((await client.batches.cancel(made.id)).status, 'cancelled');
    } finally {
      openGate();
    }
  });

  test('batches: lines that were uploaded', async () => {
    const client = createClient({ baseUrl: f.url });
    const lines = `${line('a', '/v1/generate', generate())}\n${line('b', '/v1/embed', {})}`;
    const upload = await client.upload(new Blob([lines]));
    const json = { 'content-type': 'application/json' };
    const ask = (body: object) => post(JSON.stringify(body), '', json);
    const metadata = { project: 'spheres' };
    const made = await batchOf(await ask({ input: { upload: upload.id }, metadata }));
    assert.deepEqual([made.input_file_id, made.metadata], [upload.id, metadata]);
    const done = await ended(made.id);
    assert.deepEqual(done.request_counts, { total: 2, completed: 1, failed: 1 });
    const endpoint = '/v1/embed' as const;
    const same = await client.batches.create({ upload: upload.id }, { endpoint });
    const third = await batchOf(await ask({ input_file_id: upload.id, endpoint }));
    assert.equal(third.input_file_id, upload.id);
    await ended(third.id);
    assert.deepEqual((await ended(same.id)).request_counts, { total: 2, completed: 0, failed: 2 });
    const absent = `${upload.id.slice(0, -1)}${upload.id.endsWith('0') ? '1' : '0'}`;
    await problemOf(await ask({ input: { upload: absent } }), 'unknown_upload');
    await problemOf(await ask({}), 'invalid_request');
    const both = { input: { upload: upload.id }, input_file_id: upload.id };
    await problemOf(await ask(both), 'invalid_request');
    await problemOf(await ask({ ...both, priority: 1 }), 'invalid_request');
    const waiting = createdUploadSchema.parse(
      await (
        await fetch(`${f.url}/v1/uploads`, {
          method: 'POST',
          headers: json,
          body: JSON.stringify({ content_type: 'application/x-ndjson' }),
        })
      ).json(),
    );
    await problemOf(await ask({ input: { upload: waiting.id } }), 'upload_waiting');
  });

  test('batches: who wants to be told of the end is, once', async () => {
    const query = `?webhook=${encodeURIComponent('https://example.com/hook')}`;
    const made = await batchOf(await post(line('a', '/v1/generate', generate()), query));
    await ended(made.id);
    const deliveriesOf = async () =>
      deliveriesResponseSchema.parse(await (await at(`/${made.id}/deliveries`)).json()).deliveries;
    await until(async () => (await deliveriesOf()).length > 0, 'its end was announced');
    const deliveries = await deliveriesOf();
    assert.deepEqual(
      deliveries.map(({ type, url }) => [type, url]),
      [['batch.completed', 'https://example.com/hook']],
    );
    const redeliver = (event: string) =>
      at(`/${made.id}/deliveries/${event}/redeliver`, { method: 'POST' });
    assert.equal((await redeliver(deliveries[0]?.id ?? '')).status, 200);
    await problemOf(await redeliver(`msg_${'0'.repeat(32)}`), 'unknown_delivery');
    const inside = `?webhook=${encodeURIComponent('https://10.0.0.1/hook')}`;
    await problemOf(await post('{}', inside), 'forbidden_address');
    const absent = BATCH_IDS.create(Date.now());
    await problemOf(await at(`/${absent}/deliveries`), 'unknown_batch');
  });

  test('batches: pages, the newest first', async () => {
    const client = createClient({ baseUrl: f.url });
    const made: string[] = [];
    for (let i = 0; i < 3; i++)
      made.unshift((await batchOf(await post(line('a', '/v1/generate', generate())))).id);
    const first = batchesResponseSchema.parse(await (await at('?limit=2')).json());
    assert.deepEqual(
      first.data.map(({ id }) => id),
      made.slice(0, 2),
    );
    assert.ok(first.has_more);
    const next = await client.batches.list({ limit: 1, after: first.last_id ?? '' });
    assert.equal(next.data[0]?.id, made[2]);
    for (const id of made) await ended(id);
  });

  test('batches: what cannot be one is refused, and leaves nothing', async () => {
    const good = line('a', '/v1/generate', generate());
    await problemOf(await post(''), 'empty_request');
    await problemOf(await post('\n  \n\n'), 'empty_request');
    await problemOf(await post('{}\n'.repeat(MOST_LINES + 1)), 'too_many_lines');
    await problemOf(await post(`"${'x'.repeat(400_000)}"`), 'too_large');
    await problemOf(
      await post(good, '', { 'content-type': 'text/plain' }),
      'unsupported_media_type',
    );
    await problemOf(
      await post(good, '', { ...NDJSON, 'content-encoding': 'gzip' }),
      'unsupported_media_type',
    );
    for (const query of [
      '?completion_window=8d',
      '?completion_window=200h',
      '?endpoint=/v1/models',
      '?completion_window=0h',
    ])
      await problemOf(await post(good, query), 'invalid_request');
    for (const query of ['?limit=0', '?limit=101', '?limit=x', '?after=x'])
      await problemOf(await at(query), 'invalid_request');
    const absent = BATCH_IDS.create(Date.now());
    for (const id of [absent, 'x', 'job_000000000000000000000', '..%2f..']) {
      await problemOf(await at(`/${id}`), 'unknown_batch');
      await problemOf(await at(`/${id}/cancel`, { method: 'POST' }), 'unknown_batch');
      for (const file of ['output', 'errors', 'events'])
        await problemOf(await at(`/${id}/${file}`), 'unknown_batch');
    }
    if (!f.shared) return;
    const open: string[] = [];
    for await (const { id } of createBatchStore(f.shared).opened()) open.push(id);
    assert.deepEqual(open, []);
  });

  test("batches: another tenant's is not there", async () => {
    if (!f.shared) return;
    const batches = createBatchStore(f.shared);
    const name = { tenant: 'another', id: BATCH_IDS.create(Date.now()) };
    const about = { window: '1h', request_id: 'r', lines: 1, bytes: 2, pieces: [1] };
    await batches.write(createBatch({ ...name, ...about }, Date.now(), 1000));
    for (const path of ['', '/output', '/errors', '/events'])
      await problemOf(await at(`/${name.id}${path}`), 'unknown_batch');
    await problemOf(await at(`/${name.id}/cancel`, { method: 'POST' }), 'unknown_batch');
    const page = batchesResponseSchema.parse(await (await at('?limit=100')).json());
    assert.ok(!page.data.some(({ id }) => id === name.id));
    await batches.remove(name);
  });
}
