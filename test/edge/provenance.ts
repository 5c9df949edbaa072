/** What answers say of where results come from, and what is told of them to caches and clients. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createClient, type Provenance, provenanceOf } from '../../shared/client/index.ts';
import { problemOf } from './errors.ts';
import type { Fixture } from './suite.ts';

export function provenanceTests(f: Fixture): void {
  let seed = 7000;
  const fresh = () => ({ inputs: { caption: 'provenance' }, targets: ['depth'], seed: seed++ });
  const ask = (body: object, headers: Record<string, string> = {}, path = '/v1/generate') =>
    fetch(`${f.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
  const own = ({ headers }: Response) =>
    Object.fromEntries([...headers].filter(([name]) => name.startsWith('x-4m-')));

  test('raw bytes say by headers what JSON says: model, licence, seed, schedule, and for which request they were computed', async () => {
    const body = fresh();
    const first = await ask(body, { 'x-request-id': 'the-first' });
    const { id, model, computed } = await first.json();
    const png = await ask(body, { accept: 'image/png', 'x-request-id': 'the-second' });
    await png.arrayBuffer();
    assert.equal(png.headers.get('cache-status'), 'fourm-edge; hit');
    const { digest, licence, precision } = f.worker.model;
    const { 'x-4m-schedule': schedule, ...rest } = own(png);
    assert.deepEqual(rest, {
      'x-4m-model': 'fake',
      'x-4m-model-digest': digest,
      'x-4m-licence': licence,
      'x-4m-precision': precision,
      'x-4m-result': id,
      'x-4m-seed': String(body.seed),
      'x-4m-computed-at': computed.at,
      'x-4m-computed-by': 'the-first',
    });
    assert.match(
      schedule ?? '',
      /^"depth";scheme=roar;steps=8;temperature=[\d.]+;top_p=0\.8;guidance=2$/,
    );
    assert.deepEqual(model, { id: 'fake', digest, licence, precision });
    assert.equal(computed.request_id, 'the-first');
    assert.ok(Math.abs(Date.parse(computed.at) - Date.now()) < 60_000, computed.at);
    const exposed = png.headers.get('access-control-expose-headers') ?? '';
    for (const name of Object.keys(own(png))) assert.ok(exposed.includes(name), name);
    let made: Provenance | undefined;
    const client = createClient({ baseUrl: f.url });
    await client.generateFile(body, {
      onHeaders: (headers) => {
        made = provenanceOf(headers);
      },
    });
    assert.deepEqual(made, {
      models: [{ id: 'fake', digest, licence, precision }],
      ...{ id, seed: body.seed, schedule, computed, stored: true },
    });
  });

  test('an equal answer is the same to the last byte, whether it was computed now or stored', async () => {
    const body = fresh();
    const [first, again] = [await ask(body), await ask(body)];
    assert.equal(first.headers.get('etag'), again.headers.get('etag'));
    assert.equal(await first.text(), await again.text());
  });

  test('304 has what 200 has but for the body', async () => {
    const body = fresh();
    const whole = await ask(body, { accept: 'image/png' });
    await whole.arrayBuffer();
    const etag = whole.headers.get('etag') ?? assert.fail('there is no etag');
    assert.match(etag, /^"[0-9a-f]{64}"$/);
    const known = await ask(body, { accept: 'image/png', 'if-none-match': etag });
    assert.equal(known.status, 304);
    for (const name of ['etag', 'cache-control', 'vary', ...Object.keys(own(whole))])
      assert.equal(known.headers.get(name), whole.headers.get(name), name);
    assert.equal(known.headers.get('cache-status'), 'fourm-edge; hit');
  });

  test('what is of a tenant is private, and says what it depends on', async () => {
    const answer = await ask(fresh());
    await answer.arrayBuffer();
    assert.equal(answer.headers.get('cache-control'), 'private, no-cache');
    for (const name of ['accept', 'prefer'])
      assert.ok(answer.headers.get('vary')?.includes(name), name);
    for (const path of ['/v1/models', '/v1/jobs', '/v1/heads']) {
      const listed = await fetch(f.url + path);
      await listed.arrayBuffer();
      if (listed.ok)
        assert.match(listed.headers.get('cache-control') ?? '', /^(private|no-store)/, path);
    }
    const { headers } = await ask({ ...fresh(), targets: [] });
    assert.equal(headers.get('cache-control'), 'no-store');
  });

  test('what is computed and never stored says so, and where it comes from', async () => {
    const tokens = { depth: { tokens: Array.from({ length: 16 }, () => 1) } };
    const accept = { accept: 'image/png' };
    const decoded = await ask({ tokens, seed: 9 }, accept, '/v1/detokenize');
    await decoded.arrayBuffer();
    assert.equal(decoded.headers.get('content-type'), 'image/png');
    const { 'x-4m-model': model, 'x-4m-licence': licence, 'x-4m-seed': drawn } = own(decoded);
    assert.deepEqual([model, licence, drawn], ['fake', 'Apache-2.0', '9']);
    assert.equal(own(decoded)['x-4m-computed-by'], decoded.headers.get('x-request-id'));
    const tokenized = await ask({ inputs: { caption: 'x' } }, {}, '/v1/tokenize');
    assert.equal((await tokenized.json()).model.licence, 'Apache-2.0');
    for (const answer of [decoded, tokenized])
      assert.equal(answer.headers.get('cache-status'), 'fourm-edge; fwd=bypass');
  });

  test('Accept: qualities decide, q=0 refuses what a wider range takes, and 406 says what there is', async () => {
    const body = fresh();
    for (const [accept, type] of [
      ['*/*', 'application/json'],
      ['image/png;q=0.5, application/json;q=0.9', 'application/json'],
      ['image/png;q=0.9, application/json;q=0.5', 'image/png'],
      ['image/*, */*;q=0.1', 'image/png'],
      ['application/x-npy, image/png;q=0.3', 'application/x-npy'],
      ['image/png;q=0, image/*, application/x-npy;q=0.1', 'application/x-npy'],
      ['application/json;q=0, */*', 'image/png'],
      ['IMAGE/PNG ; q=1.0', 'image/png'],
      ['text/html, image/webp, */*;q=0.01', 'application/json'],
    ] as const) {
      const answer = await ask(body, { accept });
      await answer.arrayBuffer();
      assert.deepEqual([answer.status, answer.headers.get('content-type')], [200, type], accept);
    }
    for (const accept of ['image/webp', 'application/json;q=0', 'image/png;q=0, image/png;q=0']) {
      const { detail } = await problemOf(await ask(body, { accept }), 'not_acceptable');
      assert.match(detail, /application\/json/, accept);
    }
  });

  test('OPTIONS says which methods an address has, and so does a preflight', async () => {
    for (const [path, allow] of [
      ['/v1/generate', 'POST, OPTIONS'],
      ['/v1/models', 'GET, HEAD, OPTIONS'],
      ['/v1/heads/x', 'GET, HEAD, PUT, DELETE, OPTIONS'],
    ] as const) {
      const answer = await fetch(f.url + path, { method: 'OPTIONS' });
      assert.deepEqual([answer.status, await answer.text()], [204, '']);
      assert.equal(answer.headers.get('allow'), allow);
      const headers = { origin: f.url, 'access-control-request-method': 'POST' };
      const preflight = await fetch(f.url + path, { method: 'OPTIONS', headers });
      assert.equal(preflight.status, 204);
      assert.match(preflight.headers.get('access-control-allow-methods') ?? '', /POST/);
    }
    const none = await fetch(`${f.url}/v1/none`, { method: 'OPTIONS' });
    assert.equal(none.headers.get('allow'), null);
  });
}
