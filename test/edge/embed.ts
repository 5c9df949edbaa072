/** Vectors over HTTP: answers, the cache, who waits for what, what it costs, and what is refused. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import {
  type EmbedRequestBody,
  embedDryRunSchema,
  embedResponseSchema,
} from '../../shared/api/embed.ts';
import { progressSchema } from '../../shared/api/generate.ts';
import { createClient } from '../../shared/client/index.ts';
import { readEvents, type ServerSentEvent } from '../../shared/sse.ts';
import { fakeVector } from '../support/fakeVectors.ts';
import { PNG, PNG_URL } from '../support/fakeWorker.ts';
import { closedGate, until } from '../support/waiting.ts';
import { problemOf } from './errors.ts';
import type { Fixture } from './suite.ts';

const TARGET = 'scene_global';

/** @param tellsLeaving whether the edge is told that a caller has gone */
export function embedTests(f: Fixture, tellsLeaving: boolean): void {
  const post = (body: unknown, headers: Record<string, string> = {}, signal?: AbortSignal) =>
    fetch(`${f.url}/v1/embed`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
      ...(signal && { signal }),
    });
  let number = 0;
  const fresh = () => ({ items: [{ inputs: { caption: `${number++} cubes` } }], target: TARGET });
  const eventsOf = async (answer: Response): Promise<ServerSentEvent[]> => {
    const events: ServerSentEvent[] = [];
    if (answer.body) for await (const event of readEvents(answer.body)) events.push(event);
    return events;
  };

  test('vectors of items in their order; the same again is a hit, byte for byte', async () => {
    const captions = ['a red cube', 'a blue cube', 'a red cube'];
    const body = { items: captions.map((caption) => ({ inputs: { caption } })), target: TARGET };
    const before = f.worker.embedAsked.length;
    const first = await post(body);
    const text = await first.text();
    assert.equal(first.status, 200, text);
    assert.equal(first.headers.get('cache-status'), 'fourm-edge; fwd=miss; stored');
    const answer = embedResponseSchema.parse(JSON.parse(text));
    assert.deepEqual(
      answer.items.map(({ embedding }) => embedding?.values),
      captions.map((caption) => fakeVector({ caption })),
    );
    const etag = `"${createHash('sha256').update(text).digest('hex')}"`;
    assert.equal(first.headers.get('etag'), etag);
    assert.equal(first.headers.get('x-4m-result'), answer.id);
    assert.equal(first.headers.get('x-4m-seed'), null);
    const again = await post(body);
    assert.equal(again.headers.get('cache-status'), 'fourm-edge; hit');
    assert.equal(await again.text(), text);
    assert.equal(f.worker.embedAsked.length, before + 1);
    const known = await post(body, { 'if-none-match': etag, 'cache-control': 'max-stale' });
    assert.equal(known.status, 304);
    const anew = await post(body, { 'cache-control': 'no-cache' });
    assert.equal(anew.headers.get('cache-status'), 'fourm-edge; fwd=request; stored');
    const never = { ...fresh() };
    await problemOf(await post(never, { 'cache-control': 'only-if-cached' }), 'not_cached');
    // An item has one seed, whatever it is sent with.
    const { seeds } = f.worker.embedAsked[before]!;
    assert.equal(seeds.length, 3);
    assert.equal(seeds[0], seeds[2]);
    assert.notEqual(seeds[0], seeds[1]);
    await post({ inputs: { caption: 'a blue cube' }, target: TARGET });
    assert.deepEqual(f.worker.embedAsked.at(-1)?.seeds, [seeds[1]]);
  });

  test('a form is one item, and the same request as JSON of its bytes', async () => {
    const form = new FormData();
    form.append('rgb', new Blob([new Uint8Array(PNG)], { type: 'image/png' }), 'x.png');
    form.append('caption', 'a form');
    form.append('features', 'mean');
    const answer = await fetch(`${f.url}/v1/embed`, { method: 'POST', body: form });
    assert.equal(answer.status, 200, await answer.clone().text());
    const body = { inputs: { rgb: PNG_URL, caption: 'a form' }, features: 'mean' };
    const same = await post(body);
    assert.equal(same.headers.get('cache-status'), 'fourm-edge; hit');
    assert.equal(same.headers.get('x-4m-result'), answer.headers.get('x-4m-result'));
    const asked = f.worker.embedAsked.at(-1);
    assert.deepEqual(asked?.request.inputs?.rgb, { data: PNG.toString('base64') });
    assert.deepEqual(asked?.seeds, []);
    const listed = new FormData();
    listed.append('request', JSON.stringify({ items: [{ inputs: { caption: 'listed' } }] }));
    listed.append('target', TARGET);
    const several = await fetch(`${f.url}/v1/embed`, { method: 'POST', body: listed });
    assert.equal(several.status, 200, await several.clone().text());
  });

  test('files of items, large ones among them, reach the worker in their places', async () => {
    const large = Buffer.concat([PNG, Buffer.alloc(90_000, 7)]);
    const items = [large, PNG].map((bytes) => ({
      inputs: { rgb: { data: bytes.toString('base64') } },
    }));
    assert.equal((await post({ items, target: TARGET })).status, 200);
    assert.deepEqual(f.worker.embedAsked.at(-1)?.request.items, items);
  });

  test('256 items at once, and the client', async () => {
    const items = Array.from({ length: 256 }, (_, i) => ({
      inputs: { caption: `item ${i}`, rgb: { data: PNG.toString('base64') } },
    }));
    const client = createClient({ baseUrl: f.url });
    const fractions: number[] = [];
    const answer = await client.embed(
      { items, target: TARGET, format: 'base64' },
      { onProgress: ({ fraction }) => fractions.push(fraction) },
    );
    assert.equal(answer.items.length, 256);
    assert.equal(typeof answer.items[0]?.embedding?.values, 'string');
    assert.equal(fractions.at(-1), 1);
  });

  test('a dry run tells what it costs, and asks no worker', async () => {
    const before = f.worker.embedAsked.length;
    const client = createClient({ baseUrl: f.url });
    const rgb = PNG_URL;
    const items = [{ inputs: { rgb } }, { inputs: { rgb, caption: 'abcd' } }];
    const told = await client.embedDryRun({ items, target: TARGET });
    embedDryRunSchema.parse(told);
    // 16 patches are read, and 4 tokens predicted; the caption has one token for its bytes, and its end.
    assert.deepEqual(told.usage, { encoder_passes: 2, decoder_passes: 2, units: 16 + 4 + 18 + 4 });
    assert.equal(told.exact, true);
    const steps = await client.embedDryRun({ items, target: TARGET, steps: 2, samples: 3 });
    // The first step is shared by the samples, the second is each one's own.
    assert.equal(steps.usage.encoder_passes, 2 * (1 + 3));
    assert.equal(steps.usage.decoder_passes, 2 * (1 + 3));
    const features = await client.embedDryRun({ items, features: 'mean' });
    assert.deepEqual(features.usage, { encoder_passes: 2, decoder_passes: 0, units: 16 + 18 });
    assert.equal(features.dimensions, 8);
    assert.equal(f.worker.embedAsked.length, before);
    const run = await post({ items, target: TARGET });
    assert.equal(run.headers.get('x-4m-result'), told.id);
  });

  for (const first of ['application/json', 'text/event-stream']) {
    test(`equal requests at once are one computation, the first as ${first}`, async () => {
      const open = closedGate(f);
      const body = fresh();
      const before = f.worker.embedAsked.length;
      const answers = [post(body, { accept: first })];
      await until(() => f.worker.embedAsked.length === before + 1, 'the worker was asked');
      answers.push(post(body), post(body, { accept: 'text/event-stream' }));
      // A stream has begun when its headers are there; the other has had the same time to arrive.
      await answers.at(-1);
      await new Promise((resolve) => setTimeout(resolve, 300));
      open();
      const results = new Set<string>();
      for (const answer of await Promise.all(answers)) {
        assert.equal(answer.status, 200);
        if (answer.headers.get('content-type')?.startsWith('application/json')) {
          results.add(await answer.text());
          continue;
        }
        const events = await eventsOf(answer);
        assert.equal(events.at(-1)?.event, 'result');
        results.add(events.at(-1)?.data ?? '');
        assert.equal(progressSchema.parse(JSON.parse(events.at(-2)?.data ?? '')).fraction, 1);
      }
      assert.equal(results.size, 1);
      assert.equal(f.worker.embedAsked.length, before + 1);
    });
  }

  const leaving = { skip: tellsLeaving ? false : 'the edge is not told that a caller has gone' };
  test('the work stops when its only caller leaves', leaving, async () => {
    const open = closedGate(f);
    const [asked, gone] = [f.worker.embedAsked.length, f.worker.gone.length];
    const caller = new AbortController();
    post(fresh(), {}, caller.signal).catch(() => {});
    await until(() => f.worker.embedAsked.length === asked + 1, 'the worker was asked');
    await new Promise((resolve) => setTimeout(resolve, 100));
    caller.abort();
    await until(() => f.worker.gone.length === gone + 1, 'the worker was left');
    open();
  });

  test("a deadline is the caller's own", async () => {
    const open = closedGate(f);
    const body = fresh();
    const asked = f.worker.embedAsked.length;
    const patient = post(body);
    await until(() => f.worker.embedAsked.length === asked + 1, 'the worker was asked');
    await problemOf(await post({ ...body, deadline_ms: 100 }), 'deadline_exceeded');
    open();
    assert.equal((await patient).status, 200);
    assert.equal(f.worker.embedAsked.length, asked + 1);
  });

  test('what cannot be embedded is refused by code and pointer, and asks no worker', async () => {
    const before = f.worker.embedAsked.length;
    const caption = { inputs: { caption: 'x' } };
    const refusal = async (body: unknown) => {
      const answer = await post(body);
      const { code } = (await answer.clone().json()) as { code: 'invalid_request' };
      const problem = await problemOf(answer, code);
      return [code, ...(problem.errors ?? []).map(({ pointer }) => pointer)];
    };
    const cases: [unknown, (string | undefined)[]][] = [
      [{ items: [caption], target: 'clip_global' }, ['unknown_target', '/target']],
      [{ items: [caption], target: 'depth' }, ['invalid_target', '/target']],
      [{ items: [caption] }, ['invalid_request', '/target']],
      [{ target: TARGET }, ['invalid_request', '/items']],
      [{ items: [], target: TARGET }, ['invalid_request', '/items']],
      [
        { items: Array.from({ length: 257 }, () => caption), target: TARGET },
        ['invalid_request', '/items'],
      ],
      [{ items: [{}], target: TARGET }, ['invalid_request', '/items/0/inputs']],
      [{ items: [{ inputs: {} }], target: TARGET }, ['invalid_request', '/items/0/inputs']],
      [{ items: [caption], target: TARGET, samples: 17 }, ['invalid_request', '/samples']],
      [{ items: [caption], target: TARGET, samples: 0 }, ['invalid_request', '/samples']],
      [{ items: [caption], target: TARGET, steps: 5 }, ['invalid_target', '/steps']],
      [{ items: [caption], features: 'mean', steps: 2 }, ['invalid_request', '/steps']],
      [{ items: [caption], features: 'sum' }, ['invalid_request', '/features']],
      [{ items: [caption], features: 'mean', target: TARGET }, ['invalid_request', '/features']],
      [{ ...caption, items: [caption], target: TARGET }, ['invalid_request', '/inputs']],
      [{ items: [caption], target: TARGET, encoding: 'int4' }, ['invalid_request', '/encoding']],
      [{ items: [caption], target: TARGET, model: 'none' }, ['model_not_loaded', '/model']],
      [
        {
          items: [caption, { inputs: { smell: 'x' } }, caption, { inputs: { rgb: 'x' } }],
          target: TARGET,
        },
        ['unknown_modality', '/items/1/inputs/smell'],
      ],
      [
        { items: [{ inputs: { smell: 'x' } }, { inputs: { taste: 'x' } }], features: 'mean' },
        ['unknown_modality', '/items/0/inputs/smell', '/items/1/inputs/taste'],
      ],
      [
        { items: [caption, { inputs: { rgb: 'x' } }, { inputs: { photo: 'y' } }], target: TARGET },
        ['invalid_input', '/items/1/inputs/rgb', '/items/2/inputs/photo'],
      ],
      [
        { items: [{ inputs: { rgb: { ref: `sha256:${'0'.repeat(64)}` } } }], target: TARGET },
        ['unknown_ref', '/items/0/inputs/rgb/ref'],
      ],
      [{ inputs: { smell: 'x' }, target: TARGET }, ['unknown_modality', '/inputs/smell']],
    ];
    for (const [body, expected] of cases)
      assert.deepEqual(await refusal(body), expected, JSON.stringify(body).slice(0, 200));
    assert.equal(f.worker.embedAsked.length, before);
    // A model that predicts no embedding at all.
    const { model } = f.worker;
    f.worker.model = {
      ...model,
      digest: crypto.randomUUID(),
      modalities: model.modalities.filter(({ name }) => name !== TARGET),
    };
    assert.deepEqual(await refusal({ items: [caption], target: TARGET }), [
      'unknown_target',
      '/target',
    ]);
    f.worker.model = model;
  });

  test("a worker's refusal of items is the caller's answer", async () => {
    f.worker.failure = {
      code: 'invalid_image',
      detail: 'no picture',
      errors: [{ detail: 'no picture', pointer: '/items/0/inputs/rgb' }],
    };
    const body: EmbedRequestBody = { items: [{ inputs: { rgb: PNG_URL } }], features: 'tokens' };
    const problem = await problemOf(await post(body), 'invalid_image');
    assert.equal(problem.errors?.[0]?.pointer, '/items/0/inputs/rgb');
    f.worker.failure = undefined;
  });
}
