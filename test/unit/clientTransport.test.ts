/** What the client does where a real server is busy, slow, gone, or not one of ours. */
import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, test } from 'node:test';
import {
  AbortError,
  type Client,
  type ClientOptions,
  ConnectionError,
  createClient,
  ProblemError,
  TimeoutError,
} from '../../shared/client/index.ts';
import { retryAfterOf, waitBefore } from '../../shared/client/retry.ts';
import { fc } from '../support/properties.ts';

type Answer = (response: ServerResponse, request: IncomingMessage) => void;
interface Asked {
  readonly path: string;
  readonly authorization: string | undefined;
  readonly name: string | undefined;
  readonly body: string;
}

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** A server that gives one answer after the other, the last one again and again. */
async function serverOf(
  answers: readonly Answer[],
  options: Partial<ClientOptions> = {},
): Promise<{ client: Client; asked: Asked[]; url: string }> {
  const asked: Asked[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const { authorization } = request.headers;
    const name = request.headers['idempotency-key'] as string | undefined;
    asked.push({ path: request.url ?? '', authorization, name, body });
    answers[Math.min(asked.length, answers.length) - 1]?.(response, request);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { client: createClient({ baseUrl: url, ...options }), asked, url };
}

const json =
  (status: number, body: object, headers: Record<string, string> = {}): Answer =>
  (response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify(body));
  };
const problem = (status: number, fields: object, headers: Record<string, string> = {}): Answer =>
  json(status, { title: 'No', status, detail: '', request_id: 'r1', ...fields }, headers);
const busy = problem(503, { code: 'overloaded', retryable: true }, { 'retry-after': '0' });
const fine = json(200, { models: [] });
const cut: Answer = (_, request) => void request.socket.destroy();
const silent: Answer = () => {};
const request = { inputs: { caption: 'a cone' }, targets: ['depth'] };

test('a busy server is asked again, twice unless the caller says otherwise', async () => {
  const { client, asked } = await serverOf([busy, busy, fine]);
  assert.deepEqual(await client.models(), { models: [] });
  assert.equal(asked.length, 3);
  const never = await serverOf([busy]);
  await assert.rejects(never.client.models(), { name: 'ProblemError', retryAfter: 0 });
  assert.equal(never.asked.length, 3);
  await assert.rejects(never.client.models({ retries: 0 }), ProblemError);
  assert.equal(never.asked.length, 4);
});

test('Retry-After is waited for, and thrown where it is long', async () => {
  const soon = problem(429, { code: 'overloaded', retryable: true }, { 'retry-after': '1' });
  const { client } = await serverOf([soon, fine]);
  const began = performance.now();
  await client.models();
  assert.ok(performance.now() - began >= 1000);
  const late = problem(503, { code: 'overloaded', retryable: true }, { 'retry-after': '3600' });
  const other = await serverOf([late, fine]);
  await assert.rejects(other.client.models(), { retryAfter: 3600 });
  assert.equal(other.asked.length, 1);
});

test('what the server calls final, and a deadline of the caller, are not asked again', async () => {
  for (const [status, code, retryable] of [
    [400, 'invalid_request', false],
    [500, 'internal', false],
    [504, 'deadline_exceeded', true],
    [409, 'batch_unfinished', true],
  ] as const) {
    const { client, asked } = await serverOf([problem(status, { code, retryable }), fine]);
    await assert.rejects(client.models(), ProblemError);
    assert.equal(asked.length, 1, code);
  }
});

test('a connection that breaks is taken up, except for what must not happen twice', async () => {
  const { client, asked } = await serverOf([cut, fine]);
  await client.models();
  assert.equal(asked.length, 2);
  // A proxy's page does not say whether the server has seen the request.
  const page: Answer = (response) => void response.writeHead(502).end('<h1>Bad gateway</h1>');
  for (const answer of [cut, page]) {
    const batch = await serverOf([answer, fine]);
    await assert.rejects(batch.client.batches.create([]));
    assert.equal(batch.asked.length, 1);
    assert.equal(batch.asked[0]?.name, undefined);
  }
});

test('a request in JSON has a name of its own, the same in each try, and is so done once', async () => {
  const { client, asked } = await serverOf([cut, busy, json(202, { id: 'j' })]);
  assert.equal((await client.jobs.submit('generate', request)).id, 'j');
  const [name] = asked.map((one) => one.name);
  assert.ok(name !== undefined && name.length >= 20);
  assert.deepEqual(
    asked.map((one) => one.name),
    [name, name, name],
  );
  await client.generate(request);
  assert.notEqual(asked[3]?.name, undefined);
  assert.notEqual(asked[3]?.name, name);
  await client.models();
  await client.generate(request, { retries: 0 });
  await client.generate(request, { onProgress: () => {} });
  assert.deepEqual(
    asked.slice(4).map((one) => one.name),
    [undefined, undefined, undefined],
  );
});

test('an earlier try that is still under way is waited for, as long as a try may take', async () => {
  const conflict = problem(409, { code: 'idempotency_conflict', retryable: true });
  const { client, asked } = await serverOf([cut, conflict, conflict, conflict, fine]);
  await client.generate(request, { retries: 1 });
  assert.equal(asked.length, 5);
  const never = await serverOf([cut, conflict]);
  await assert.rejects(never.client.generate(request, { retries: 1, timeout: 1500 }), {
    name: 'ProblemError',
  });
  assert.ok(never.asked.length >= 2);
});

test('a server that is not there is a connection error with its cause', async () => {
  const { client } = await serverOf([fine], { baseUrl: 'http://127.0.0.1:9', retries: 0 });
  await assert.rejects(client.models(), (error) => {
    assert.ok(error instanceof ConnectionError && !(error instanceof TimeoutError));
    assert.ok(error.cause instanceof Error);
    return true;
  });
});

test('a try ends with its time, before the answer and within it', async () => {
  const stalled: Answer = (response) => void response.writeHead(200).write('{"models":');
  for (const answer of [silent, stalled]) {
    const { client, asked } = await serverOf([answer, fine], { timeout: 1000 });
    await assert.rejects(client.models({ retries: 0 }), {
      name: 'TimeoutError',
      milliseconds: 1000,
    });
    assert.equal(asked.length, 1);
    assert.deepEqual(await client.models(), { models: [] });
  }
});

test("the caller's signal ends a request, a wait, and a stream", async () => {
  const patient = problem(503, { code: 'overloaded', retryable: true }, { 'retry-after': '30' });
  const begun: Answer = (response) =>
    void response.writeHead(200, { 'content-type': 'text/event-stream' }).write(': begun\n\n');
  for (const answer of [silent, patient, begun]) {
    const { client } = await serverOf([answer]);
    const controller = new AbortController();
    const reason = new Error('enough');
    setTimeout(() => controller.abort(reason), 100);
    const { signal } = controller;
    await assert.rejects(client.generate(request, { signal, onProgress: () => {} }), (error) => {
      assert.ok(error instanceof AbortError);
      assert.equal(error.cause, reason);
      return true;
    });
  }
});

test('a stream that breaks off is a connection error', async () => {
  const broken: Answer = (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('event: progress\ndata: {"step":1}\n\n', () => response.destroy());
  };
  const { client } = await serverOf([broken]);
  const seen: unknown[] = [];
  await assert.rejects(async () => {
    for await (const event of client.generateStream(request)) seen.push(event);
  }, ConnectionError);
  assert.deepEqual(seen, [{ event: 'progress', data: { step: 1 } }]);
});

test('an answer that is no JSON is a problem', async () => {
  const page: Answer = (response) => void response.writeHead(200).end('<h1>Sign in</h1>');
  const { client } = await serverOf([page], { retries: 0 });
  await assert.rejects(client.models(), { name: 'ProblemError' });
});

test('waits grow, are drawn at random, and never cut short what the server asks for', () => {
  const cases = fc.tuple(
    fc.integer({ min: 1, max: 20 }),
    fc.double({ min: 0, max: 1, noNaN: true }),
  );
  fc.assert(
    fc.property(
      cases,
      fc.option(fc.nat(60), { nil: undefined }),
      ([failed, random], retryAfter) => {
        const problem = { code: 'overloaded', status: 503, retryable: true } as const;
        const whole = { ...problem, type: '', title: '', detail: '', request_id: '' };
        const wait = waitBefore(failed, new ProblemError(whole, { retryAfter }), random);
        assert.ok(wait !== undefined && wait <= Math.max(8000, 60_500));
        assert.ok(wait >= (retryAfter ?? 0) * 1000);
        if (retryAfter === undefined)
          assert.equal(wait, random * Math.min(8000, 500 * 2 ** (failed - 1)));
      },
    ),
  );
  assert.equal(retryAfterOf('Wed, 21 Oct 2015 07:28:10 GMT', Date.UTC(2015, 9, 21, 7, 28)), 10);
  assert.deepEqual(
    [null, 'soon', ' 7 '].map((text) => retryAfterOf(text)),
    [undefined, undefined, 7],
  );
});

test('files of every kind go within the request, and the key with every one', async () => {
  const { client, asked } = await serverOf([json(200, {})], { apiKey: 'k' });
  const bytes = new Uint8Array([1, 2, 3]);
  const hide = { mask: new Blob([bytes]) };
  const rgb = new Blob([bytes], { type: 'image/png' });
  const inputs = { rgb, depth: bytes.buffer, normal: bytes, edge: { data: rgb, hide } };
  await client.embed({ items: [{ inputs }, { inputs: { caption: 'a' } }], features: 'mean' });
  const data = Buffer.from(bytes).toString('base64');
  const given = { rgb: { data }, depth: { data }, normal: { data } };
  assert.deepEqual(JSON.parse(asked[0]!.body).items, [
    { inputs: { ...given, edge: { data, hide: { mask: data } } } },
    { inputs: { caption: 'a' } },
  ]);
  assert.equal(asked[0]!.authorization, 'Bearer k');
});

test('a large file is uploaded first, without the key where it goes', async () => {
  const bytes = new Uint8Array(4_000_001);
  const { client, asked, url } = await serverOf(
    [
      (response, request) =>
        json(200, { id: 'u', method: 'PUT', url: `${url}/elsewhere`, headers: {} })(
          response,
          request,
        ),
      json(200, {}),
      json(200, { id: 'u' }),
      json(200, {}),
    ],
    { apiKey: 'k' },
  );
  await client.tokenize({ inputs: { rgb: { data: bytes, hide: { box: [0, 0, 1, 1] } } } });
  assert.deepEqual(
    asked.map(({ path, authorization }) => [path, authorization]),
    [
      ['/v1/uploads', 'Bearer k'],
      ['/elsewhere', undefined],
      ['/v1/uploads/u', 'Bearer k'],
      ['/v1/tokenize', 'Bearer k'],
    ],
  );
  assert.deepEqual(JSON.parse(asked[3]!.body).inputs, {
    rgb: { upload: 'u', hide: { box: [0, 0, 1, 1] } },
  });
});

test('data URLs are read without fetch', async () => {
  const { client } = await serverOf([fine]);
  const png = await client.file('data:image/png;base64,AQID');
  assert.deepEqual(
    [png.type, new Uint8Array(await png.arrayBuffer())],
    ['image/png', new Uint8Array([1, 2, 3])],
  );
  const text = await client.file('data:text/plain;charset=utf-8,gr%C3%B6%C3%9Fe');
  assert.equal(await text.text(), 'größe');
});
