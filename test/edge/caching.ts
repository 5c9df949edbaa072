/** Stored results as HTTP sees them: conditional requests (RFC 9110) and Cache-Control (RFC 9111). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createClient } from '../../shared/client/index.ts';
import { PNG, PNG_URL } from '../support/fakeWorker.ts';
import { problemOf } from './errors.ts';
import type { Fixture } from './suite.ts';

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

export function cachingTests(f: Fixture): void {
  let seed = 2000;
  const fresh = () => ({ inputs: { caption: 'caching' }, targets: ['depth'], seed: seed++ });
  // `fetch` adds `no-cache` to conditional requests that say nothing of caching themselves: so does
  // a browser, and it is one more thing to be right about.
  const ask = (body: object, headers: Record<string, string> = {}) =>
    fetch(`${f.url}/v1/generate`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
  const statusOf = async (answer: Response): Promise<string | null> => {
    await answer.arrayBuffer();
    return answer.headers.get('cache-status');
  };

  test('If-None-Match: weak tags, lists and `*`, of each representation', async () => {
    const body = fresh();
    const asked = f.worker.asked.length;
    const json = await ask(body);
    const text = await json.text();
    const png = await ask(body, { accept: 'image/png' });
    await png.arrayBuffer();
    const etag = json.headers.get('etag') ?? '';
    const pngTag = png.headers.get('etag') ?? '';
    assert.notEqual(etag, pngTag);
    for (const [condition, accept, known] of [
      [etag, '*/*', true],
      [`W/${etag}`, '*/*', true],
      [`"x", W/"y,z" , ${etag}`, '*/*', true],
      [`"x",W/${etag},"z"`, '*/*', true],
      ['*', '*/*', true],
      [' * ', 'image/png', true],
      [pngTag, 'image/png', true],
      [`W/${pngTag}`, 'image/png', true],
      [pngTag, '*/*', false],
      [etag, 'image/png', false],
      ['"x", W/"y"', '*/*', false],
      [etag.replaceAll('"', ''), '*/*', false],
      [`"${etag}"`, '*/*', false],
    ] as const) {
      for (const control of ['max-stale', 'no-cache']) {
        if (!known && control === 'no-cache') continue;
        const headers = { 'if-none-match': condition, accept, 'cache-control': control };
        const answer = await ask(body, headers);
        assert.equal(answer.status, known ? 304 : 200, `${condition} ${accept} ${control}`);
        const wanted = accept === 'image/png' ? pngTag : etag;
        assert.equal(answer.headers.get('etag'), wanted);
        if (known) assert.equal(await answer.text(), '');
        else await answer.arrayBuffer();
      }
    }
    assert.equal(f.worker.asked.length, asked + 1, 'no condition made anything be computed');
    assert.equal(await (await ask(body)).text(), text);
  });

  test('If-None-Match: `*` does not hold back what is not there yet', async () => {
    const answer = await ask(fresh(), { 'if-none-match': '*' });
    assert.equal(answer.status, 200);
    assert.ok((await answer.text()).length > 0);
  });

  test('Cache-Control: each wish decides whether a stored result is answered', async () => {
    const body = fresh();
    assert.equal(await statusOf(await ask(body)), 'fourm-edge; fwd=miss; stored');
    await pause(1100);
    const hit = await ask(body);
    assert.ok(Number(hit.headers.get('age')) >= 1, `age ${hit.headers.get('age')}`);
    for (const [control, expected] of [
      ['max-age=60', 'fourm-edge; hit'],
      ['max-age="60"', 'fourm-edge; hit'],
      ['MAX-AGE=60, foo="a, no-cache"', 'fourm-edge; hit'],
      ['max-stale', 'fourm-edge; hit'],
      ['max-stale=0, min-fresh=100000', 'fourm-edge; hit'],
      ['only-if-cached', 'fourm-edge; hit'],
      ['max-age=1', 'fourm-edge; fwd=request; stored'],
      ['max-age=0', 'fourm-edge; fwd=request; stored'],
      ['max-age = 0', 'fourm-edge; fwd=request; stored'],
      ['max-age=soon', 'fourm-edge; fwd=request; stored'],
      ['no-cache', 'fourm-edge; fwd=request; stored'],
      ['No-Cache', 'fourm-edge; fwd=request; stored'],
      ['no-store', 'fourm-edge; fwd=request'],
      ['x-no-cache', 'fourm-edge; hit'],
    ] as const) {
      const answer = await ask(body, { 'cache-control': control });
      assert.equal(await statusOf(answer), expected, control);
    }
  });

  test('a result that was computed anew is what is stored from then on', async () => {
    const body = fresh();
    const first = await (await ask(body)).text();
    const again = await (await ask(body, { 'cache-control': 'max-age=0' })).text();
    assert.notEqual(again, first);
    const hit = await ask(body);
    assert.equal(hit.headers.get('age'), '0');
    assert.equal(await hit.text(), again);
  });

  test('a request that was asked often is answered as at first, and no other in its place', async () => {
    // Longer than the bytes that tell bodies apart at first sight: these differ in one that does not.
    const bodyOf = (place: number) => {
      const picture = new Uint8Array(9000);
      picture.set(PNG);
      picture[place] = 1;
      const rgb = `data:image/png;base64,${Buffer.from(picture).toString('base64')}`;
      return { targets: ['depth'], seed: 3000, inputs: { rgb } };
    };
    const body = bodyOf(4000);
    const other = bodyOf(4001);
    assert.equal(await statusOf(await ask(body)), 'fourm-edge; fwd=miss; stored');
    const text = await (await ask(body)).text();
    for (let again = 0; again < 3; again++) {
      const answer = await ask(body);
      assert.equal(answer.headers.get('cache-status'), 'fourm-edge; hit');
      assert.equal(await answer.text(), text);
    }
    const png = await ask(body, { accept: 'image/png' });
    assert.equal(png.headers.get('content-type'), 'image/png');
    await png.arrayBuffer();
    assert.equal(await statusOf(await ask(other)), 'fourm-edge; fwd=miss; stored');
    assert.equal(
      await statusOf(await ask(body, { 'cache-control': 'no-store' })),
      'fourm-edge; fwd=request',
    );
    await problemOf(await ask(body, { 'content-encoding': 'gzip' }), 'unsupported_media_type');
    await problemOf(await ask(body, { 'content-type': 'text/plain' }), 'unsupported_media_type');
    // Other models mean something else by it.
    const { model } = f.worker;
    f.worker.model = { ...model, digest: crypto.randomUUID() };
    assert.equal(await statusOf(await ask(body)), 'fourm-edge; fwd=miss; stored');
    f.worker.model = model;
    assert.equal(await (await ask(body)).text(), text);
    const { id } = JSON.parse(text) as { id: string };
    const deleted = await fetch(`${f.url}/v1/results/${id}`, { method: 'DELETE' });
    assert.equal(deleted.status, 200);
    assert.equal(await statusOf(await ask(body)), 'fourm-edge; fwd=miss; stored');
  });

  test('a request that is to draw its seed draws another each time', async () => {
    const body = { ...fresh(), seed: 'random' };
    const seeds = new Set<string | null>();
    for (let again = 0; again < 4; again++) {
      const answer = await ask(body);
      await answer.arrayBuffer();
      seeds.add(answer.headers.get('x-4m-seed'));
    }
    assert.equal(seeds.size, 4);
  });

  test('only-if-cached computes nothing: 504 when nothing stored fits', async () => {
    const body = fresh();
    const asked = f.worker.asked.length;
    for (const control of [
      'only-if-cached',
      'only-if-cached, max-age=5',
      'no-cache, only-if-cached',
    ]) {
      const answer = await ask(body, { 'cache-control': control });
      assert.equal(answer.headers.get('retry-after'), null);
      const problem = await problemOf(answer, 'not_cached');
      assert.deepEqual([problem.status, problem.retryable], [504, false]);
    }
    const events = { accept: 'text/event-stream', 'cache-control': 'only-if-cached' };
    await problemOf(await ask(body, events), 'not_cached');
    assert.equal(f.worker.asked.length, asked);
  });

  test('kept tokens have an ETag for each representation', async () => {
    const client = createClient({ baseUrl: f.url });
    const { inputs } = await client.tokenize({ inputs: { rgb: PNG_URL }, keep: true });
    const address = `${f.url}/v1/tokens/${inputs.rgb?.ref}`;
    const tags = new Set<string>();
    for (const accept of ['application/json', 'image/png', 'application/x-npy']) {
      const answer = await fetch(address, { headers: { accept } });
      const bytes = Buffer.from(await answer.arrayBuffer());
      const etag = answer.headers.get('etag') ?? '';
      assert.match(etag, /^"[0-9a-f]{64}"$/);
      tags.add(etag);
      assert.ok(bytes.length > 0);
      const asked = f.worker.tokenAsked.length;
      for (const condition of [etag, `W/${etag}`, `"x", ${etag}`, '*']) {
        const known = await fetch(address, { headers: { accept, 'if-none-match': condition } });
        assert.deepEqual([known.status, await known.text()], [304, ''], condition);
        assert.equal(known.headers.get('etag'), etag);
      }
      assert.equal(f.worker.tokenAsked.length, asked, 'nothing is decoded for who has it');
      const other = await fetch(address, { headers: { accept, 'if-none-match': '"x"' } });
      assert.equal(other.status, 200);
      await other.arrayBuffer();
    }
    assert.equal(tags.size, 3);
  });

  test('HEAD answers where GET does, with the same headers and no body', async () => {
    const client = createClient({ baseUrl: f.url });
    const { inputs } = await client.tokenize({ inputs: { caption: 'head' }, keep: true });
    for (const path of ['/v1/models', '/healthz', '/docs', `/v1/tokens/${inputs.caption?.ref}`]) {
      const [head, got] = [
        await fetch(f.url + path, { method: 'HEAD' }),
        await fetch(f.url + path),
      ];
      assert.deepEqual([head.status, await head.text()], [got.status, ''], path);
      for (const name of ['content-type', 'etag', 'vary', 'cache-control']) {
        assert.equal(head.headers.get(name), got.headers.get(name), `${path} ${name}`);
      }
      await got.arrayBuffer();
    }
    const refused = await fetch(`${f.url}/v1/models`, { method: 'PUT' });
    assert.equal(refused.headers.get('allow'), 'GET, HEAD, OPTIONS');
    await refused.arrayBuffer();
  });
}
