/** What the client does with callers who leave or fail, with servers that fail for a moment, and with what it holds meanwhile. */
import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { test } from 'node:test';
import {
  AbortError,
  ConnectionError,
  createClient,
  ProblemError,
  TimeoutError,
  verifyWebhook,
} from '../../shared/client/index.ts';
import { retryAfterOf } from '../../shared/client/retry.ts';
import { createSecret, signWebhook } from '../../shared/webhooks/signature.ts';

interface Asked {
  readonly path: string;
  readonly after: string | null;
}

/** A client of scripted answers, the last one again and again. */
function scripted(answers: readonly ((signal: AbortSignal) => Response | Promise<Response>)[]) {
  const asked: Asked[] = [];
  const client = createClient({
    baseUrl: 'http://edge.test',
    fetch: async (input, init) => {
      const headers = new Headers(init?.headers);
      asked.push({ path: new URL(String(input)).pathname, after: headers.get('last-event-id') });
      const { signal } = init ?? {};
      assert.ok(signal);
      signal.throwIfAborted();
      const answer = answers[Math.min(asked.length, answers.length) - 1];
      assert.ok(answer);
      return await answer(signal);
    },
  });
  return { client, asked };
}

const json = (body: object, status = 200, headers: Record<string, string> = {}) =>
  new Response(JSON.stringify(body), {
    status,
    headers: { 'content-type': 'application/json', ...headers },
  });
const events = (...told: readonly (readonly [string, object])[]) =>
  new Response(
    told
      .map(([event, data], i) => `id: ${i + 1}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
      .join(''),
    { headers: { 'content-type': 'text/event-stream' } },
  );
const gone = {
  title: 'No store',
  status: 503,
  detail: '',
  code: 'store_unavailable',
  retryable: true,
  request_id: 'r1',
};
const job = () => json({ id: 'job_1', status: 'queued' });
const request = { inputs: { caption: 'a cone' }, targets: ['depth'] };

test('a job is waited for although its events could not be told for a moment', async () => {
  const { client, asked } = scripted([
    job,
    () =>
      events(
        ['progress', { step: 1 }],
        ['problem', { ...gone, instance: '/v1/jobs/job_1/events' }],
      ),
    () => events(['result', { seed: 7 }]),
  ]);
  const { wait } = await client.jobs.get('job_1');
  assert.deepEqual(await wait(), { seed: 7 });
  assert.equal(asked.at(-1)?.after, '1');
});

test('a job that has failed is not waited for, also where another one might succeed', async () => {
  const { client, asked } = scripted([job, () => events(['problem', gone])]);
  const { wait } = await client.jobs.get('job_1');
  await assert.rejects(wait(), ProblemError);
  assert.equal(asked.length, 2);
});

test('who waits does not ask a server again that wants more patience than callers have', async () => {
  const late = () => json({ ...gone, code: 'overloaded' }, 503, { 'retry-after': '3600' });
  const jobs = scripted([job, late]);
  const { wait } = await jobs.client.jobs.get('job_1');
  await assert.rejects(wait(), { retryAfter: 3600 });
  assert.equal(jobs.asked.length, 2);
  const batches = scripted([late]);
  await assert.rejects(batches.client.batches.wait('batch_1'), { retryAfter: 3600 });
  assert.equal(batches.asked.length, 1);
});

test("errors of the caller's own functions are the caller's, and end the call", async () => {
  const own = new RangeError('mine');
  const fail = (): never => {
    throw own;
  };
  const batches = scripted([() => events(['progress', {}], ['end', {}])]);
  await assert.rejects(batches.client.batches.wait('batch_1', { onProgress: fail }), own);
  assert.equal(batches.asked.length, 1);
  const { client, asked } = scripted([() => json({})]);
  await assert.rejects(client.generate(request, { onHeaders: fail }), own);
  assert.equal(asked.length, 1);
});

test('a call that is aborted uploads none of its files, and its time is that of its uploads', async () => {
  const inputs = { rgb: new Uint8Array(4_000_001) };
  const aborted = scripted([job]);
  const signal = AbortSignal.abort();
  await assert.rejects(aborted.client.tokenize({ inputs }, { signal }), AbortError);
  assert.deepEqual(aborted.asked, []);
  const silent = scripted([
    (signal) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason));
      }),
  ]);
  const given = { timeout: 50, retries: 0, signal: AbortSignal.timeout(5000) };
  await assert.rejects(silent.client.tokenize({ inputs }, given), TimeoutError);
  assert.equal(silent.asked.length, 1);
});

test('a time that no timer holds is no time at all', async () => {
  const { client } = scripted([
    (signal) =>
      new Promise((resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason));
        setTimeout(() => resolve(json({ models: [] })), 50);
      }),
  ]);
  for (const timeout of [Number.POSITIVE_INFINITY, 2 ** 31])
    assert.deepEqual(await client.models({ timeout, retries: 0 }), { models: [] });
});

test('a stored result that breaks off is a connection error where events were asked for', async () => {
  const broken = () =>
    new Response(
      new ReadableStream({
        start: (controller) => controller.error(new TypeError('terminated')),
      }),
      { headers: { 'content-type': 'application/json' } },
    );
  const { client } = scripted([broken]);
  await assert.rejects(client.generate(request, { onProgress: () => {} }), ConnectionError);
});

test('a signal is let go when a stream has ended, however it did', async () => {
  const { signal } = new AbortController();
  const { client } = scripted([() => events(['progress', {}], ['result', {}])]);
  for await (const _ of client.generateStream(request, { signal }));
  for await (const _ of client.generateStream(request, { signal })) break;
  const stored = scripted([() => json({})]);
  for await (const _ of stored.client.generateStream(request, { signal }));
  const cut = scripted([() => events(['progress', {}])]);
  await assert.rejects(cut.client.generate(request, { signal, onProgress: () => {} }));
  const lines = scripted([() => new Response('{}\n{}\n')]);
  for await (const _ of lines.client.batches.output('batch_1', { signal })) break;
  assert.deepEqual(getEventListeners(signal, 'abort'), []);
});

test("a proxy's JSON is no problem of ours: its fields are taken where they are of their kind", async () => {
  const page = { kind: 'Status', status: 'Failure', code: 503, title: null, retryable: 'yes' };
  const { client, asked } = scripted([
    () => json(page, 503, { 'retry-after': '0' }),
    () => json({ models: [] }),
  ]);
  assert.deepEqual(await client.models(), { models: [] });
  assert.equal(asked.length, 2);
  await assert.rejects(scripted([() => json(page, 503)]).client.models({ retries: 0 }), (error) => {
    assert.ok(error instanceof ProblemError);
    const { status, code, title, retryable } = error.problem;
    assert.deepEqual(
      { status, code, title, retryable },
      {
        status: 503,
        code: 'worker_unavailable',
        title: 'The server answered worker_unavailable',
        retryable: true,
      },
    );
    return true;
  });
});

test('a Retry-After that is neither seconds nor a date says nothing', () => {
  for (const text of ['-1', '1.5', 'in 5', '5, 10', ''])
    assert.equal(retryAfterOf(text), undefined, text);
  const now = Date.UTC(1994, 10, 6, 8, 49, 27);
  for (const text of ['Sun, 06 Nov 1994 08:49:37 GMT', 'Sunday, 06-Nov-94 08:49:37 GMT'])
    assert.equal(retryAfterOf(text, now), 10, text);
});

test('a webhook is verified by headers of another realm as well', async () => {
  const secret = createSecret();
  const body = '{"type":"job.succeeded"}';
  const signed = new Headers({
    ...(await signWebhook('evt_1', Date.now() / 1000, body, [secret])),
  });
  const foreign = { get: (name: string) => signed.get(name) } as unknown as Headers;
  assert.deepEqual(await verifyWebhook(body, foreign, secret), JSON.parse(body));
});
