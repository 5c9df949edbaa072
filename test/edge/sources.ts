/** Inputs by address, on every route that takes files; and every address that is not fetched. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ProblemCode } from '../../shared/api/problem.ts';
import type { Store } from '../../shared/store/store.ts';
import { createTakeInput } from '../../worker/sources/takeInput.ts';
import type { FakeWorker } from '../support/fakeWorker.ts';
import { guarded, type StandIn, standIn } from '../support/guardStandIns.ts';
import { NAMES } from '../support/hostileAddresses.ts';
import { freshPicture } from '../support/pictures.ts';
import { problemOf } from './errors.ts';
import { type Fixture, MAX_BODY } from './suite.ts';

/** Lets a fake worker take inputs in, as a real one does; names lead to loopback, or nowhere. */
export function startInputs(worker: FakeWorker, store: Store | undefined): void {
  const names = { ...NAMES, 'pictures.test': [['127.0.0.1']] };
  const { fetch } = guarded({ http: true, loopback: true }, names);
  worker.takeInput = createTakeInput({ fetch, store });
}

export function sourceTests(f: Fixture): void {
  const ask = (path: string, body: object, headers: Record<string, string> = {}) =>
    fetch(`${f.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
  const generate = (rgb: unknown) => ask('/v1/generate', { inputs: { rgb }, targets: ['depth'] });

  async function serving(
    answer: Parameters<typeof standIn>[0],
    use: (server: StandIn, base: string) => Promise<void>,
  ): Promise<void> {
    const server = await standIn(answer);
    try {
      await use(server, `http://pictures.test:${server.port}`);
    } finally {
      await server.close();
    }
  }

  test('addresses: a worker fetches them, and the key stands on the bytes', async () => {
    const { bytes, sha256, url: dataUrl } = freshPicture();
    const seen: string[] = [];
    await serving(
      (request, response) => {
        seen.push(`${request.method} ${request.headers['accept-encoding']}`);
        if (request.url === '/moved') response.writeHead(302, { location: '/a.png' }).end();
        else response.writeHead(200, { 'content-type': 'image/png' }).end(bytes);
      },
      async (_, base) => {
        const first = await generate({ url: `${base}/a.png` });
        assert.equal(first.headers.get('cache-status'), 'fourm-edge; fwd=miss; stored');
        const is = { sha256, size: bytes.length, content_type: 'image/png' };
        assert.deepEqual((await first.json()).sources, { '/inputs/rgb': is });
        for (const rgb of [{ url: `${base}/moved` }, { url: `${base}/a.png?b` }, dataUrl]) {
          const again = await generate(rgb);
          assert.equal(again.headers.get('cache-status'), 'fourm-edge; hit');
          assert.equal(again.headers.get('x-4m-result'), first.headers.get('x-4m-result'));
        }
        const costs = [{ url: `${base}/a.png` }, dataUrl].map(async (rgb) => {
          const body = { inputs: { rgb }, targets: ['depth'], dry_run: true };
          return (await (await ask('/v1/generate', body)).json()).usage;
        });
        assert.deepEqual(await costs[0], await costs[1], 'the price is that of the bytes');
        assert.ok(seen.every((line) => line === 'GET identity'));
      },
    );
  });

  test('addresses: one that is named twice is fetched once, whatever is hidden of it', async () => {
    const { bytes, sha256 } = freshPicture();
    await serving(
      (_, response) => response.end(bytes),
      async ({ seen }, base) => {
        const url = `${base}/twice.png`;
        const hide = { box: [0, 0, 0.5, 0.5] };
        const inputs = { rgb: { url, hide }, photo: { url } };
        const answer = await ask('/v1/generate', { inputs, targets: ['depth'] });
        assert.equal(answer.status, 200, await answer.clone().text());
        assert.equal(seen.length, 1);
        const { sources } = await answer.json();
        assert.deepEqual(Object.keys(sources).sort(), ['/inputs/photo', '/inputs/rgb']);
        const sent = f.worker.asked.at(-1)?.request.inputs.rgb;
        const data = f.shared ? `stored:default/${sha256}` : bytes.toString('base64');
        assert.deepEqual(sent, { data, hide });
      },
    );
  });

  test('addresses: masks are files like others', async () => {
    const { bytes, sha256 } = freshPicture();
    const picture = freshPicture();
    await serving(
      (_, response) => response.end(bytes),
      async (_server, base) => {
        const url = `${base}/mask.png`;
        const box = { box: [0, 0, 0.5, 0.5] };
        const rgb = (mask: unknown) => ({ data: picture.bytes.toString('base64'), hide: mask });
        const first = await generate(rgb([box, { mask: { url } }]));
        const text = await first.clone().text();
        assert.deepEqual(Object.keys(JSON.parse(text).sources ?? {}), ['/inputs/rgb/hide/1/mask']);
        const sent = f.worker.asked.at(-1)?.request.inputs.rgb;
        const mask = f.shared ? `stored:default/${sha256}` : bytes.toString('base64');
        assert.deepEqual(sent, { ...rgb([box, { mask }]) });
        const again = await generate(rgb([box, { mask: bytes.toString('base64') }]));
        assert.equal(again.headers.get('cache-status'), 'fourm-edge; hit');
        const wrong = await generate(rgb({ mask: { url: 'https://10.0.0.1/' } }));
        const problem = await problemOf(wrong, 'url_refused');
        assert.equal(problem.errors?.[0]?.pointer, '/inputs/rgb/hide/mask/url');
      },
    );
  });

  test('addresses: on every route that takes files', async () => {
    const { bytes, sha256 } = freshPicture();
    const data = f.shared ? `stored:default/${sha256}` : bytes.toString('base64');
    await serving(
      (_, response) => response.end(bytes),
      async (_server, base) => {
        const inputs = { rgb: { url: `${base}/x.png` } };
        const is = { sha256, size: bytes.length, content_type: 'image/png' };
        const told = async (answer: Response, pointer: string): Promise<void> => {
          const text = await answer.text();
          assert.equal(answer.status, 200, text);
          assert.deepEqual(JSON.parse(text).sources?.[pointer], is, text);
        };
        await told(await ask('/v1/tokenize', { inputs }), '/inputs/rgb');
        assert.match(JSON.stringify(f.worker.tokenAsked.at(-1)), new RegExp(data.slice(0, 40)));
        const items = [{ inputs: { caption: 'x' } }, { inputs }];
        const embedded = await ask('/v1/embed', { items, target: 'scene_global' });
        await told(embedded, '/items/1/inputs/rgb');
        assert.deepEqual(f.worker.embedAsked.at(-1)?.request.items?.[1]?.inputs.rgb, { data });
        const head = `by-url-${Date.now()}`;
        const examples = ['no', 'yes', 'no', 'yes'].map((label) => ({ inputs, label }));
        await told(await ask('/v1/heads', { name: head, examples }), '/examples/3/inputs/rgb');
        assert.match(JSON.stringify(f.worker.headAsked.at(-1)), new RegExp(data.slice(0, 40)));
        await told(await ask('/v1/classify', { items, head }), '/items/1/inputs/rgb');
        assert.match(JSON.stringify(f.worker.headAsked.at(-1)), new RegExp(data.slice(0, 40)));
      },
    );
  });

  test('addresses: items and questions of a collection', async () => {
    const { bytes, sha256 } = freshPicture();
    await serving(
      (_, response) => response.end(bytes),
      async (_server, base) => {
        const inputs = { rgb: { url: `${base}/x.png` } };
        const embedding = {
          ...{
            kind: 'target',
            model: 'fake',
            digest: f.worker.model.digest,
            target: 'scene_global',
          },
          ...{ steps: 1, samples: 1, guidance_scale: 1 },
        };
        const collection = {
          ...{ name: 'shop', embedding, dimensions: 4, metadata: {}, count: 0 },
          ...{ created_at: '2026-01-01T00:00:00.000Z', index: { state: 'none' } },
        };
        const { collectionAnswer } = f.worker;
        const asked = f.worker.collectionAsked.length;
        try {
          f.worker.collectionAnswer = { ...collection, items: 1, results: [] };
          const added = await ask('/v1/collections/shop/items', { items: [{ id: 'a', inputs }] });
          const text = await added.text();
          assert.equal(JSON.parse(text).sources?.['/items/0/inputs/rgb']?.sha256, sha256, text);
          const found = await ask('/v1/collections/shop/search', { inputs });
          assert.equal((await found.json()).sources?.['/inputs/rgb']?.sha256, sha256);
          const sent = JSON.stringify(f.worker.collectionAsked.slice(asked));
          const data = f.shared ? `stored:default/${sha256}` : bytes.toString('base64');
          assert.equal(sent.split(data).length, 3);
        } finally {
          f.worker.collectionAnswer = collectionAnswer;
        }
      },
    );
  });

  test('addresses: whatever is wrong with one has its code, and names the field', async () => {
    const picture = freshPicture().bytes;
    await serving(
      ({ url }, response) => {
        const type = { 'content-type': 'image/png' };
        if (url === '/private') response.writeHead(302, { location: 'http://10.0.0.1/' }).end();
        else if (url === '/metadata')
          response.writeHead(302, { location: 'http://169.254.169.254/' }).end();
        else if (url === '/loop') response.writeHead(302, { location: '/loop' }).end();
        else if (url === '/page')
          response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(picture);
        else if (url === '/svg')
          response.writeHead(200, { 'content-type': 'image/svg+xml' }).end('<');
        else if (url === '/liar') response.writeHead(200, type).end('<html>secret</html>');
        else if (url === '/gone') response.writeHead(404, type).end();
        else if (url === '/large')
          response.writeHead(200, type).end(freshPicture(MAX_BODY + 1).bytes);
        else if (url === '/endless') {
          response.writeHead(200, type).write(picture);
          const timer = setInterval(() => response.write(Buffer.alloc(65_536)), 1);
          response.on('close', () => clearInterval(timer));
        } else response.writeHead(200, type).end(picture);
      },
      async ({ port }, base) => {
        const cases: readonly (readonly [string, ProblemCode])[] = [
          ['http://10.0.0.1/a.png', 'url_refused'],
          ['https://[::ffff:169.254.169.254]/', 'url_refused'],
          ['https://0xa9fea9fe/', 'url_refused'],
          ['https://to-private.test/a.png', 'url_refused'],
          ['https://to-both.test/a.png', 'url_refused'],
          ['ftp://pictures.test/a.png', 'url_refused'],
          ['file:///etc/passwd', 'url_refused'],
          ['no address', 'url_refused'],
          [`http://user:secret@pictures.test:${port}/`, 'url_refused'],
          [`${base}/private`, 'url_refused'],
          [`${base}/metadata`, 'url_refused'],
          [`${base}/loop`, 'url_refused'],
          [`${base}/page`, 'unsupported_media_type'],
          [`${base}/svg`, 'unsupported_media_type'],
          [`${base}/liar`, 'unsupported_media_type'],
          [`${base}/gone`, 'url_failed'],
          ['https://nowhere.test/', 'url_failed'],
          ['http://127.0.0.1:1/', 'url_failed'],
          [`${base}/large`, 'too_large'],
          [`${base}/endless`, 'too_large'],
        ];
        for (const [url, code] of cases) {
          const problem = await problemOf(await generate({ url }), code);
          assert.equal(problem.errors?.[0]?.pointer, '/inputs/rgb/url', url);
          assert.doesNotMatch(JSON.stringify(problem), /secret/, url);
        }
        const items = [
          { inputs: { rgb: { url: `${base}/fine` } } },
          { inputs: { rgb: { url: 'https://10.0.0.1/' } } },
        ];
        const answer = await ask('/v1/embed', { items, target: 'scene_global' });
        const problem = await problemOf(answer, 'url_refused');
        assert.equal(problem.errors?.[0]?.pointer, '/items/1/inputs/rgb/url');
      },
    );
  });

  test('addresses: the time of the request holds for them, too', async () => {
    await serving(
      () => {},
      async ({ seen }, base) => {
        const inputs = { rgb: { url: `${base}/silent.png` } };
        const body = { inputs, targets: ['depth'], deadline_ms: 150 };
        const problem = await problemOf(await ask('/v1/generate', body), 'deadline_exceeded');
        assert.equal(problem.errors?.[0]?.pointer, '/deadline_ms');
        assert.equal(seen.length, 1);
      },
    );
  });

  test('addresses: nothing is fetched for a request that does not fit', async () => {
    await serving(
      (_, response) => response.end(freshPicture().bytes),
      async ({ seen }, base) => {
        const rgb = { url: `${base}/a.png` };
        await problemOf(
          await ask('/v1/generate', { inputs: { rgb }, targets: ['nothing'] }),
          'unknown_target',
        );
        await problemOf(
          await ask('/v1/generate', { inputs: { caption: rgb }, targets: ['depth'] }),
          'invalid_input',
        );
        const both = { ...rgb, upload: `upload_${'0'.repeat(32)}` };
        await problemOf(await generate(both), 'invalid_request');
        const items = Array.from({ length: 65 }, (_, i) => ({
          inputs: { rgb: { url: `https://10.0.0.1/${i}` } },
        }));
        const body = { items, target: 'scene_global' };
        assert.ok((await ask('/v1/embed', body)).status === 400);
        assert.deepEqual(seen, []);
      },
    );
  });
}
