import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Problem, ProblemCode } from '../../shared/api/problem.ts';
import { problemSchema } from '../../shared/api/problemSchema.ts';
import { PNG, PNG_URL } from '../support/fakeWorker.ts';
import { type Fixture, MAX_BODY } from './suite.ts';

const JSON_TYPE = { 'content-type': 'application/json' };

export async function problemOf(answer: Response, code: ProblemCode): Promise<Problem> {
  const text = await answer.text();
  assert.equal(answer.headers.get('content-type'), 'application/problem+json', text);
  const problem = problemSchema.parse(JSON.parse(text));
  assert.equal(problem.code, code, text);
  assert.equal(problem.status, answer.status);
  assert.equal(problem.request_id, answer.headers.get('x-request-id'));
  return problem;
}

export function errorTests(f: Fixture): void {
  const send = (body: BodyInit | null, headers: Record<string, string> = JSON_TYPE) =>
    fetch(`${f.url}/v1/generate`, { method: 'POST', headers, body });
  const ask = (body: unknown, headers: Record<string, string> = {}) =>
    send(JSON.stringify(body), { ...JSON_TYPE, ...headers });
  const rgb = PNG_URL;

  test('bodies that cannot be read', async () => {
    await problemOf(await send('{"inputs":'), 'invalid_json');
    await problemOf(await send(new Uint8Array([0x22, 0xff, 0x22])), 'invalid_json');
    await problemOf(await send(null), 'empty_request');
    await problemOf(await send(new Uint8Array(0), {}), 'empty_request');
    await problemOf(await send('a=b', { 'content-type': 'text/csv' }), 'unsupported_media_type');
    const multipart = 'multipart/form-data';
    await problemOf(await send('x', { 'content-type': multipart }), 'invalid_multipart');
    const cut = '--b\r\ncontent-disposition: form-data; name="rgb"\r\n\r\nhalf';
    await problemOf(
      await send(cut, { 'content-type': `${multipart}; boundary=b` }),
      'invalid_multipart',
    );
  });

  test('too large, announced or streamed', async () => {
    const body = 'x'.repeat(MAX_BODY + 1);
    await problemOf(await send(body), 'too_large');
    const pieces = new ReadableStream<Uint8Array>({
      start(controller) {
        for (let i = 0; i < 5; i++) controller.enqueue(new Uint8Array(MAX_BODY / 4).fill(32));
        controller.close();
      },
    });
    const streamed = { method: 'POST', headers: JSON_TYPE, body: pieces, duplex: 'half' } as const;
    await problemOf(await fetch(`${f.url}/v1/generate`, streamed), 'too_large');
  });

  // [what, request, code, pointer of the first field error]
  const cases: [string, unknown, ProblemCode, string][] = [
    ['no targets', { inputs: { rgb } }, 'invalid_request', '/targets'],
    ['no inputs', { inputs: {}, targets: ['depth'] }, 'invalid_request', '/inputs'],
    ['an array', [], 'invalid_request', ''],
    ['unknown field', { inputs: { rgb }, targets: ['depth'], x: 1 }, 'invalid_request', '/x'],
    [
      'bad setting',
      { inputs: { rgb }, targets: [{ modality: 'depth', steps: 0 }] },
      'invalid_request',
      '/targets/0/steps',
    ],
    [
      'unknown setting',
      { inputs: { rgb }, targets: [{ modality: 'depth', stepz: 1 }] },
      'invalid_request',
      '/targets/0/stepz',
    ],
    ['bad seed', { inputs: { rgb }, targets: ['depth'], seed: -1 }, 'invalid_request', '/seed'],
    [
      'unknown modality',
      { inputs: { xyz: rgb }, targets: ['depth'] },
      'unknown_modality',
      '/inputs/xyz',
    ],
    [
      'unknown target',
      { inputs: { rgb }, targets: ['depth', 'xyz'] },
      'unknown_target',
      '/targets/1',
    ],
    ['input-only target', { inputs: { rgb }, targets: ['photo'] }, 'input_only', '/targets/0'],
    [
      'scheme mismatch',
      { inputs: { rgb }, targets: [{ modality: 'caption', scheme: 'maskgit' }] },
      'scheme_mismatch',
      '/targets/0/scheme',
    ],
    [
      'no picture',
      { inputs: { rgb: { data: btoa('GIF89a and more') } }, targets: ['depth'] },
      'invalid_image',
      '/inputs/rgb',
    ],
    [
      'no base64',
      { inputs: { rgb: { data: '***' } }, targets: ['depth'] },
      'invalid_input',
      '/inputs/rgb',
    ],
    [
      'no data URL',
      { inputs: { rgb: 'hello' }, targets: ['depth'] },
      'invalid_input',
      '/inputs/rgb',
    ],
    [
      'model not loaded',
      { model: 'other', inputs: { rgb }, targets: ['depth'] },
      'model_not_loaded',
      '/model',
    ],
  ];
  for (const [what, body, code, pointer] of cases) {
    test(`refuses: ${what}`, async () => {
      const asked = f.worker.asked.length;
      const problem = await problemOf(await ask(body), code);
      assert.equal(problem.errors?.[0]?.pointer, pointer);
      assert.equal(f.worker.asked.length, asked, 'no worker was troubled');
    });
  }

  test('a form without targets, and one that holds no picture', async () => {
    const form = new FormData();
    form.append('rgb', new Blob([new Uint8Array(PNG)]), 'x.png');
    const url = `${f.url}/v1/generate`;
    const none = await problemOf(
      await fetch(url, { method: 'POST', body: form }),
      'invalid_request',
    );
    assert.equal(none.errors?.[0]?.pointer, '/targets');
    const text = new FormData();
    text.append('rgb', new Blob(['no picture at all']), 'x.png');
    text.append('targets', 'depth');
    const answer = await fetch(url, { method: 'POST', body: text });
    assert.equal((await problemOf(answer, 'invalid_image')).errors?.[0]?.pointer, '/inputs/rgb');
  });

  test('types that cannot be answered', async () => {
    const one = { inputs: { rgb }, targets: ['depth'] };
    await problemOf(await ask(one, { accept: 'text/plain' }), 'not_acceptable');
    await problemOf(await ask(one, { accept: 'image/jpeg' }), 'not_acceptable');
    const two = { inputs: { rgb }, targets: ['depth', 'caption'] };
    await problemOf(await ask(two, { accept: 'image/png' }), 'not_acceptable');
  });

  test('unknown addresses and methods', async () => {
    await problemOf(await fetch(`${f.url}/v1/nothing`), 'not_found');
    const answer = await fetch(`${f.url}/v1/generate`);
    assert.equal(answer.headers.get('allow'), 'POST, OPTIONS');
    await problemOf(answer, 'method_not_allowed');
    await problemOf(await fetch(`${f.url}/v1/models`, { method: 'DELETE' }), 'method_not_allowed');
    await problemOf(await fetch(`${f.url}/v1/modalities?model=x`), 'model_not_loaded');
  });

  test("a worker's refusal passes through, in JSON and as an event", async () => {
    const detail = 'the picture ends early';
    f.worker.failure = {
      code: 'invalid_image',
      detail,
      errors: [{ detail, pointer: '/inputs/rgb' }],
    };
    const body = { inputs: { rgb }, targets: ['depth'], seed: 77 };
    const problem = await problemOf(await ask(body), 'invalid_image');
    assert.deepEqual(problem.errors, [{ detail, pointer: '/inputs/rgb' }]);
    const events = await (await ask(body, { accept: 'text/event-stream' })).text();
    const last = events.trim().split('\n\n').at(-1)!.split('\n');
    assert.equal(last[0], 'event: problem');
    assert.equal(problemSchema.parse(JSON.parse(last[1]!.slice(6))).code, 'invalid_image');
    f.worker.failure = undefined;
    assert.equal((await ask(body)).headers.get('cache-status'), 'fourm-edge; fwd=miss; stored');
  });

  test('busy and unready workers: 503 with Retry-After', async () => {
    f.worker.failure = { code: 'overloaded', detail: 'full', retryAfterSeconds: 3 };
    const busy = await ask({ inputs: { rgb }, targets: ['depth'], seed: 78 });
    assert.equal(busy.headers.get('retry-after'), '3');
    await problemOf(busy, 'overloaded');
    f.worker.failure = undefined;
    f.worker.isReady = false;
    const unready = await fetch(`${f.url}/readyz`);
    assert.ok(unready.headers.get('retry-after'));
    assert.match((await problemOf(unready, 'not_ready')).detail, /no worker is ready/);
    f.worker.isReady = true;
  });
}
