import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { generateResponseSchema } from '../../shared/api/generate.ts';
import { PROBLEMS } from '../../shared/api/problem.ts';
import { ROUTES } from '../../shared/api/routes.ts';
import { createClient } from '../../shared/client/index.ts';
import { NPY, PNG, PNG_URL } from '../support/fakeWorker.ts';
import { problemOf } from './errors.ts';
import type { Fixture } from './suite.ts';

const post = (url: string, body: unknown, headers: Record<string, string> = {}) =>
  fetch(`${url}/v1/generate`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });

const picture = (bytes: Buffer): Blob => new Blob([new Uint8Array(bytes)], { type: 'image/png' });

export function happyTests(f: Fixture): void {
  test('a miss is computed and stored, the same again is a hit, byte for byte', async () => {
    const body = { inputs: { rgb: PNG_URL }, targets: ['depth'] };
    const before = f.worker.asked.length;
    const first = await post(f.url, body, { 'x-request-id': 'abc-1' });
    assert.equal(first.status, 200);
    assert.equal(first.headers.get('cache-status'), 'fourm-edge; fwd=miss; stored');
    assert.equal(first.headers.get('x-request-id'), 'abc-1');
    const text = await first.text();
    const result = generateResponseSchema.parse(JSON.parse(text));
    assert.equal(result.outputs.depth?.[0]?.image, PNG_URL);
    // The digest is the bytes' own: computed here with node:crypto.
    const etag = `"${createHash('sha256').update(text).digest('hex')}"`;
    assert.equal(first.headers.get('etag'), etag);

    const again = await post(f.url, body);
    assert.equal(again.headers.get('cache-status'), 'fourm-edge; hit');
    assert.equal(await again.text(), text);
    assert.equal(f.worker.asked.length, before + 1);

    // `fetch` adds `no-cache` to conditional requests that say nothing of caching themselves.
    const conditional = { 'if-none-match': `"x", ${etag}`, 'cache-control': 'max-stale' };
    const known = await post(f.url, body, conditional);
    assert.equal(known.status, 304);
    assert.equal(await known.text(), '');
  });

  test('the same picture as a data URL, as bytes and as a form file is one request', async () => {
    const ids = new Set<string | null>();
    for (const rgb of [PNG_URL, { data: PNG.toString('base64') }]) {
      const answer = await post(f.url, { inputs: { rgb }, targets: ['depth', 'caption'] });
      ids.add(answer.headers.get('x-4m-result'));
    }
    const form = new FormData();
    form.append('rgb', picture(PNG), 'x.png');
    form.append('targets', 'depth, caption');
    const answer = await fetch(`${f.url}/v1/generate`, { method: 'POST', body: form });
    assert.equal(answer.headers.get('cache-status'), 'fourm-edge; hit');
    ids.add(answer.headers.get('x-4m-result'));
    assert.equal(ids.size, 1);
  });

  test('multipart: repeated targets, JSON targets, settings, text inputs, request', async () => {
    const form = new FormData();
    form.append('caption', 'a blue box');
    form.append('targets', 'rgb');
    form.append('targets', '{"modality":"depth","steps":3}');
    form.append('seed', '7');
    form.append('chained', 'false');
    form.append('request', '{"num_samples":2,"seed":1}');
    const answer = await fetch(`${f.url}/v1/generate`, { method: 'POST', body: form });
    assert.equal(answer.status, 200);
    const asked = f.worker.asked.at(-1)!;
    assert.equal(asked.seed, 7);
    assert.deepEqual(asked.request, {
      inputs: { caption: 'a blue box' },
      targets: [{ modality: 'rgb' }, { modality: 'depth', steps: 3 }],
      seed: 7,
      chained: false,
      num_samples: 2,
    });
  });

  test('one output can be had as its own bytes', async () => {
    const body = { inputs: { rgb: PNG_URL }, targets: ['depth'], seed: 5 };
    for (const accept of ['image/png', 'image/*', 'text/plain;q=0.1, image/png']) {
      const answer = await post(f.url, body, { accept });
      assert.equal(answer.headers.get('content-type'), 'image/png');
      assert.deepEqual(Buffer.from(await answer.arrayBuffer()), PNG);
    }
    const npy = await post(f.url, body, { accept: 'application/x-npy' });
    assert.deepEqual(Buffer.from(await npy.arrayBuffer()), NPY);
    const caption = await post(f.url, { ...body, targets: ['caption'] }, { accept: 'text/plain' });
    assert.equal(await caption.text(), 'a réd sphere');
    const json = await post(f.url, body, { accept: 'image/webp, application/json;q=0.5' });
    assert.equal(json.headers.get('content-type'), 'application/json');
  });

  test('events: progress, then the result, which is stored', async () => {
    const client = createClient({ baseUrl: f.url });
    const fractions: number[] = [];
    const request = { inputs: { rgb: PNG_URL }, targets: ['depth'], seed: 11 };
    const result = await client.generate(request, {
      onProgress: ({ fraction }) => fractions.push(fraction),
    });
    assert.deepEqual(fractions, [0.5, 1]);
    assert.equal(result.seed, 11);
    assert.equal((await post(f.url, request)).headers.get('cache-status'), 'fourm-edge; hit');
    assert.deepEqual(await client.generate(request, { onProgress: () => {} }), result);
  });

  test('Cache-Control: no-cache computes anew, no-store keeps nothing', async () => {
    const body = { inputs: { caption: 'one' }, targets: ['depth'] };
    const ask = async (control?: string): Promise<string | null> =>
      (await post(f.url, body, control ? { 'cache-control': control } : {})).headers.get(
        'cache-status',
      );
    assert.equal(await ask('no-store'), 'fourm-edge; fwd=request');
    assert.equal(await ask(), 'fourm-edge; fwd=miss; stored');
    const old = await (await post(f.url, body)).text();
    assert.equal(await ask('no-cache'), 'fourm-edge; fwd=request; stored');
    assert.notEqual(await (await post(f.url, body)).text(), old, 'the new result replaced the old');
  });

  test('a random seed differs each time; what it drew can be asked for again', async () => {
    const body = { inputs: { caption: 'two' }, targets: ['depth'] };
    const answers = await Promise.all(
      [1, 2].map(() => post(f.url, { ...body, seed: 'random' }).then((a) => a.json())),
    );
    const [one, two] = answers.map((answer) => generateResponseSchema.parse(answer));
    assert.notEqual(one!.seed, two!.seed);
    const plain = await post(f.url, body);
    assert.equal(plain.headers.get('cache-status'), 'fourm-edge; fwd=miss; stored');
    const again = await post(f.url, { ...body, seed: one!.seed });
    assert.equal(again.headers.get('cache-status'), 'fourm-edge; hit');
    assert.deepEqual(await again.json(), one);
  });

  test('equal requests at once are computed once', async () => {
    const before = f.worker.asked.length;
    let open = (): void => {};
    f.worker.gate = new Promise((resolve) => {
      open = resolve;
    });
    const body = { inputs: { caption: 'three' }, targets: ['depth'] };
    const first = post(f.url, body);
    const rest = [1, 2, 3].map(() => post(f.url, body));
    setTimeout(() => open(), 1000);
    const texts = await Promise.all([first, ...rest].map(async (answer) => (await answer).text()));
    f.worker.gate = undefined;
    assert.equal(new Set(texts).size, 1);
    assert.equal(f.worker.asked.length, before + 1);
  });

  test('traceparent is passed on', async () => {
    const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
    await post(f.url, { inputs: { caption: 'four' }, targets: ['depth'] }, { traceparent });
    assert.ok(f.worker.traces.includes(traceparent));
  });

  test('models, modalities, health, OpenAPI, docs and the playground answer', async () => {
    const get = (path: string) => fetch(f.url + path);
    const models = (await (await get('/v1/models')).json()) as { models: { id: string }[] };
    assert.deepEqual(
      models.models.map(({ id }) => id),
      ['fake'],
    );
    const modalities = await get('/v1/modalities?model=fake');
    assert.equal(((await modalities.json()) as { model: string }).model, 'fake');
    assert.deepEqual(await (await get('/healthz')).json(), { status: 'ok' });
    const ready = await get('/readyz');
    assert.equal(ready.status, 200, await ready.text());

    const document = (await (await get('/openapi.json')).json()) as {
      openapi: string;
      paths: Record<string, Record<string, unknown>>;
    };
    assert.equal(document.openapi, '3.1.0');
    for (const { path, method } of Object.values(ROUTES)) {
      assert.ok(document.paths[path]?.[method.toLowerCase()], `${method} ${path} is documented`);
      // Each documented route exists.
      const answer = await fetch(f.url + path, { method });
      const text = await answer.text();
      // A name that stands for nothing is told by its own code.
      const isThere = !/"code":"(not_found|method_not_allowed|internal)"/.test(text);
      assert.ok(isThere, `${method} ${path}: ${text}`);
    }
    const docs = await (await get('/docs')).text();
    for (const code of Object.keys(PROBLEMS)) assert.ok(docs.includes(`id="${code}"`), code);
    assert.doesNotMatch(docs, /\b(src|href)="(?![#/]|data:)/, 'nothing is loaded from elsewhere');
  });

  test('a page: its policy lets its own script and style run alone, and it is sent again when it has changed', async () => {
    for (const path of ['/', '/docs']) {
      const page = await fetch(f.url + path);
      const text = await page.text();
      assert.equal(page.status, 200);
      assert.equal(page.headers.get('content-type'), 'text/html; charset=UTF-8');
      assert.equal(page.headers.get('cache-control'), 'no-cache');
      assert.equal(page.headers.get('x-content-type-options'), 'nosniff');
      const policy = page.headers.get('content-security-policy') ?? '';
      assert.match(policy, /^default-src 'none';/);
      for (const tag of ['script', 'style']) {
        const parts = [...text.matchAll(new RegExp(`<${tag}>(.*?)</${tag}>`, 'gs'))];
        assert.equal(parts.length, 1, `one ${tag}`);
        const hash = createHash('sha256').update(parts[0]![1]!).digest('base64');
        assert.ok(policy.includes(`${tag}-src 'sha256-${hash}'`), policy);
      }
      const etag = page.headers.get('etag') ?? '';
      assert.equal(etag, `"${createHash('sha256').update(text).digest('hex')}"`);
      const again = await fetch(f.url + path, { headers: { 'if-none-match': etag } });
      assert.equal(again.status, 304);
      assert.equal(again.headers.get('etag'), etag);
      assert.equal(await again.text(), '');
    }
    for (const path of ['/playground.html', '/assets/playground.html', '/index.html']) {
      const answer = await fetch(f.url + path);
      await problemOf(answer, 'not_found');
    }
  });
}
