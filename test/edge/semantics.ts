/** What RFC 9110, 9111, 9211, 9651 and 7240 say, as any client of HTTP may rely on it. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import type { Route } from '../../shared/api/route.ts';
import { ROUTES } from '../../shared/api/routes.ts';
import { createClient } from '../../shared/client/index.ts';
import { PNG_URL } from '../support/fakeWorker.ts';
import { converse } from '../support/rawRequest.ts';
import { parseList } from '../support/structuredFields.ts';
import { closedGate, until } from '../support/waiting.ts';
import { problemOf } from './errors.ts';
import type { Fixture } from './suite.ts';

const routes: readonly Route[] = Object.values(ROUTES);

/**
 * @param areJobs whether edge and worker share a store
 * @param isDirect whether nothing stands before the edge
 */
export function semanticsTests(f: Fixture, areJobs: boolean, isDirect: boolean): void {
  let seed = 5_300_000;
  const fresh = () => ({ inputs: { caption: 'semantics' }, targets: ['depth'], seed: seed++ });
  const ask = (body: object, headers: Record<string, string> = {}) =>
    fetch(`${f.url}/v1/generate`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
  const drop = async (answer: Response): Promise<Response> => {
    await answer.arrayBuffer();
    return answer;
  };

  test('Accept: the most exact range about a type says how much it is wanted', async () => {
    const body = fresh();
    await drop(await ask(body));
    const [png, npy, json] = ['image/png', 'application/x-npy', 'application/json'];
    for (const [accept, expected] of [
      ['image/*', png],
      // What was answered to the header before is no answer to this one.
      ['image/*, image/png;q=0', undefined],
      ['*/*, application/json;q=0', png],
      ['*/*, application/json;q=0, image/*;q=0', npy],
      ['image/*;q=0.5, image/png;q=0.1, application/json;q=0.3', json],
      ['image/*;q=0.1, image/png;q=0.5, application/json;q=0.3', png],
      ['application/*;q=0.3, image/png;q=0.2', json],
      ['application/*;q=0.2, image/png;q=0.3', png],
      ['application/*, application/json;q=0', npy],
      ['APPLICATION/X-NPY;Q=0.9, */*;q=0.1', npy],
      ['application/json;q=0.5, application/x-npy ; q=0.8 , text/html', npy],
      ['text/x;a="b,image/png", application/json', json],
      ['text/event-stream;q=0, */*;q=0.1', json],
      ['', json],
      ['text/*', undefined],
      ['application/json;q=0.000', undefined],
      ['image/webp, image/jpeg', undefined],
    ] as const) {
      const answer = await drop(await ask(body, { accept }));
      assert.equal(answer.status, expected === undefined ? 406 : 200, accept);
      if (expected !== undefined)
        assert.equal(answer.headers.get('content-type'), expected, accept);
    }
  });

  test('headers that are structured fields can be read as such', async () => {
    const body = { ...fresh(), targets: [{ modality: 'depth', temperature: 1 / 3 }] };
    const cacheStatus = (answer: Response) => {
      const [cache, ...others] = parseList(answer.headers.get('cache-status') ?? '');
      assert.deepEqual([cache?.value, others], [{ token: 'fourm-edge' }, []]);
      return [...(cache?.parameters ?? [])];
    };
    const miss = await drop(await ask(body));
    const [fwd, stored] = [['fwd', { token: 'miss' }] as const, ['stored', true] as const];
    assert.deepEqual(cacheStatus(miss), [fwd, stored]);
    const [schedule] = parseList(miss.headers.get('x-4m-schedule') ?? '');
    assert.deepEqual([schedule?.value, schedule?.parameters.get('temperature')], ['depth', 0.333]);
    assert.deepEqual(cacheStatus(await drop(await ask(body))), [['hit', true]]);
    const declined = await drop(await ask(body, { 'cache-control': 'no-store' }));
    assert.deepEqual(cacheStatus(declined), [['fwd', { token: 'request' }]]);
    const open = closedGate(f);
    const other = fresh();
    const asked = f.worker.asked.length;
    const both = [ask(other)];
    await until(() => f.worker.asked.length === asked + 1, 'the worker was asked');
    both.push(ask(other));
    // The headers of a stream come when it has joined, and what was sent before it has had the same time.
    const stream = await ask(other, { accept: 'text/event-stream' });
    await new Promise((resolve) => setTimeout(resolve, 300));
    open();
    await stream.text();
    const statuses = (await Promise.all(both)).map((answer) =>
      cacheStatus(answer).map(([name]) => name),
    );
    assert.deepEqual(statuses.toSorted(), [
      ['fwd', 'collapsed'],
      ['fwd', 'stored'],
    ]);
    const bypass = await fetch(`${f.url}/v1/tokenize`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ inputs: { caption: 'x' } }),
    });
    assert.deepEqual(cacheStatus(await drop(bypass)), [['fwd', { token: 'bypass' }]]);
  });

  test('304 has the headers that the answer itself would have, but those of its body', async () => {
    const body = fresh();
    const client = createClient({ baseUrl: f.url });
    const { inputs } = await client.tokenize({ inputs: { rgb: PNG_URL }, keep: true });
    await drop(await ask(body));
    const asked: [string, (headers: Record<string, string>) => Promise<Response>][] = [
      ['a result', (headers) => ask(body, headers)],
      ['bytes', (headers) => ask(body, { ...headers, accept: 'image/png' })],
      ['tokens', (headers) => fetch(`${f.url}/v1/tokens/${inputs.rgb?.ref}`, { headers })],
      ['a page', (headers) => fetch(`${f.url}/docs`, { headers })],
      ['the document', (headers) => fetch(`${f.url}/openapi.json`, { headers })],
    ];
    for (const [what, send] of asked) {
      const whole = await drop(await send({}));
      const etag = whole.headers.get('etag') ?? assert.fail(what);
      const conditions = { 'if-none-match': etag, 'if-modified-since': new Date().toUTCString() };
      const known = await send(conditions);
      assert.deepEqual([known.status, await known.text()], [304, ''], what);
      for (const name of ['etag', 'cache-control', 'vary', 'content-security-policy'])
        assert.equal(known.headers.get(name), whole.headers.get(name), `${what}: ${name}`);
      // On Workers it is whatever stands before them that says the time.
      assert.equal(known.headers.has('date'), whole.headers.has('date'), what);
      assert.equal(known.headers.get('content-type'), null, what);
      // Nothing says when it was changed, so a date alone decides nothing.
      const dated = await send({ 'if-modified-since': new Date().toUTCString() });
      assert.equal((await drop(dated)).status, 200, what);
      // Ranges are not offered: all of it is answered.
      const ranged = await drop(await send({ range: 'bytes=0-1' }));
      assert.deepEqual([ranged.status, ranged.headers.get('content-range')], [200, null], what);
    }
  });

  test('HEAD answers as GET does at every address, and leaves nothing open', async (t) => {
    const client = createClient({ baseUrl: f.url });
    const { inputs } = await client.tokenize({ inputs: { caption: 'head' }, keep: true });
    const linked = await fetch(`${f.url}/v1/generate?inline=false`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(fresh()),
    });
    const { outputs } = (await linked.json()) as { outputs: { depth: { image: string }[] } };
    const link = outputs.depth[0]?.image ?? '';
    // So that its events do not end by themselves.
    const open = closedGate(f);
    const job = areJobs ? (await client.jobs.submit('generate', fresh())).id : 'none';
    const steps: Record<string, string> = { ref: inputs.caption?.ref ?? '', id: job };
    const gets = routes.filter(
      ({ method, path }) => method === 'GET' && !path.includes('{permit}'),
    );
    const addresses = gets.map(
      ({ path }) =>
        f.url + path.replaceAll(/\{(\w+)\}/g, (_, name: string) => steps[name] ?? 'none'),
    );
    // A link into S3 is signed for GET alone, and S3 answers it.
    const isOurs = link.startsWith(f.url);
    t.after(open);
    for (const address of [...addresses, ...(isOurs ? [link] : [])]) {
      const got = await fetch(address);
      const head = await fetch(address, { method: 'HEAD' });
      await got.body?.cancel();
      assert.deepEqual([head.status, await head.text()], [got.status, ''], address);
      for (const name of ['content-type', 'etag', 'cache-control', 'vary', 'content-disposition'])
        assert.equal(head.headers.get(name), got.headers.get(name), `${address}: ${name}`);
    }
    open();
    if (!isOurs) return;
    const opened = () => (process.platform === 'linux' ? readdirSync('/proc/self/fd').length : 0);
    const before = opened();
    for (let times = 0; times < 30; times++) await drop(await fetch(link, { method: 'HEAD' }));
    assert.ok(opened() < before + 10, `${before} files were open, then ${opened()}`);
  });

  test('another method is answered 405 with Allow at every address, and OPTIONS says the same', async () => {
    for (const address of new Set(routes.map(({ path }) => path))) {
      const methods = routes.filter(({ path }) => path === address).map(({ method }) => method);
      const own = methods.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method]));
      const path = f.url + address.replaceAll(/\{\w+\}/g, 'x');
      const refused = await fetch(path, { method: 'PATCH' });
      const allowed = refused.headers.get('allow')?.split(', ') ?? [];
      assert.deepEqual(allowed.toSorted(), [...own, 'OPTIONS'].toSorted(), address);
      await problemOf(refused, 'method_not_allowed');
      const told = await drop(await fetch(path, { method: 'OPTIONS' }));
      assert.deepEqual(
        [told.status, told.headers.get('allow')],
        [204, allowed.join(', ')],
        address,
      );
    }
  });

  test('pages of other origins: the preflight allows what they send, and answers show what they read', async () => {
    const origin = 'http://localhost:5173';
    const wanted = 'authorization,content-type,idempotency-key,prefer';
    const preflight = await fetch(`${f.url}/v1/generate`, {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': wanted,
      },
    });
    assert.equal(preflight.status, 204);
    const { headers } = await drop(preflight);
    assert.equal(headers.get('access-control-allow-origin'), origin);
    assert.match(headers.get('access-control-allow-methods') ?? '', /\bPOST\b/);
    const allowed = (headers.get('access-control-allow-headers') ?? '').split(/, ?/);
    assert.deepEqual(allowed.toSorted(), wanted.split(','));
    assert.match(headers.get('vary') ?? '', /origin/i);
    const answer = await drop(await ask(fresh(), { origin }));
    assert.equal(answer.headers.get('access-control-allow-origin'), origin);
    const exposed = answer.headers.get('access-control-expose-headers') ?? '';
    for (const name of ['etag', 'cache-status', 'retry-after', 'ratelimit', 'x-4m-charged'])
      assert.ok(exposed.split(/, ?/).includes(name), name);
    const strange = await drop(await ask(fresh(), { origin: 'https://evil.example' }));
    assert.deepEqual(
      [strange.status, strange.headers.get('access-control-allow-origin')],
      [403, null],
    );
  });

  test('a type or a coding that is not taken: 415, which says what codings are', async () => {
    const coded = await ask(fresh(), { 'content-encoding': 'br' });
    assert.equal(coded.headers.get('accept-encoding'), 'identity');
    await problemOf(coded, 'unsupported_media_type');
    // Nothing is ever compressed here, whatever would be taken.
    for (const encoding of ['gzip;q=1, identity;q=0.5', 'br, *;q=0.1', '']) {
      const answer = await fetch(`${f.url}/healthz`, { headers: { 'accept-encoding': encoding } });
      assert.deepEqual(await answer.json(), { status: 'ok' }, encoding);
    }
  });

  const between = { skip: isDirect ? false : 'what stands before the edge answers Expect itself' };
  test('Expect: 100-continue is answered before the body is sent', between, async () => {
    const head = [
      'POST /v1/generate HTTP/1.1',
      'content-type: application/json',
      'expect: 100-continue',
    ];
    const body = JSON.stringify(fresh());
    const isDone = (said: string) => /HTTP\/1\.1 (200|4)/.test(said);
    const said = await converse(f.url, head, body, isDone, /100 Continue\r\n\r\n/i);
    assert.match(said, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK/);
  });

  test('Prefer: several headers and preferences; of one that comes twice the first counts', async () => {
    const send = (lines: readonly string[]) => {
      const body = JSON.stringify(fresh());
      const head = ['POST /v1/generate HTTP/1.1', 'content-type: application/json', ...lines];
      return converse(f.url, [...head, 'connection: close'], body, (said) =>
        said.includes('\r\n\r\n'),
      );
    };
    for (const [lines, status, applied] of [
      [['prefer: handling=lenient', 'Prefer: wait=20'], 200, 'wait=20'],
      [['prefer: WAIT = 20 , wait=61'], 200, 'wait=20'],
      [['prefer: wait=20; a=b, respond-async'], 200, 'wait=20'],
      [['prefer: handling=lenient, respond-async'], 202, 'respond-async'],
      [['prefer: respond-async=', 'prefer: wait="soon"'], 202, 'respond-async'],
      [['prefer: wait=020'], 200, 'wait=20'],
      [['prefer: wait=1.5'], 200, undefined],
      [['prefer: wait=-1'], 200, undefined],
      [['prefer: wait=0'], 400, undefined],
    ] as const) {
      // Without a store that workers share there are no jobs, and what is waited for is the work itself.
      if (!areJobs && status !== 400) continue;
      const said = await send(lines);
      assert.match(said, new RegExp(`^HTTP/1\\.1 ${status}`), `${lines}: ${said.slice(0, 300)}`);
      const [, found] = /^preference-applied: (.*?)\r$/im.exec(said) ?? [];
      assert.equal(found, applied, String(lines));
    }
  });
}
