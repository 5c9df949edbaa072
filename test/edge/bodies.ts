/** Bodies that are hostile or unusual: refused by name, within bounds, or read as they were meant. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { PNG, PNG_URL } from '../support/fakeWorker.ts';
import { until } from '../support/waiting.ts';
import { problemOf } from './errors.ts';
import { BODY_SECONDS, type Fixture, MAX_BODY } from './suite.ts';

/** What comes back on a connection of its own when these bytes are sent, until the server closes it. */
async function converse(url: string, pieces: readonly (string | number)[]): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  await once(socket, 'connect');
  let said = '';
  socket.setEncoding('latin1');
  socket.on('data', (text: string) => {
    said += text;
  });
  socket.on('error', () => {});
  const closed = once(socket, 'close');
  for (const piece of pieces) {
    if (typeof piece === 'string') socket.write(piece, 'latin1');
    else await new Promise((resolve) => setTimeout(resolve, piece));
  }
  await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, 10_000).unref())]);
  socket.destroy();
  return said;
}

export function bodyTests(f: Fixture): void {
  const send = (body: BodyInit, headers: Record<string, string> = {}) =>
    fetch(`${f.url}/v1/generate`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body,
    });
  const ask = (body: unknown) => send(JSON.stringify(body));
  const rgb = PNG_URL;
  const few = { inputs: { rgb }, targets: ['depth'] };

  test('however much is wrong, a problem is short', async () => {
    // Longer texts of a body are taken out of its JSON, and never come as far as a message.
    const name = 'n'.repeat(90_000);
    const keys = Array.from({ length: 12_000 }, (_, i) => [`k${i}`, 1]);
    const bodies: Record<string, unknown> = {
      'a long input name': { inputs: { [name]: rgb }, targets: ['depth'] },
      'a longer input name': { inputs: { ['n'.repeat(150_000)]: rgb }, targets: ['depth'] },
      'a long field name': { ...few, [name]: 1 },
      'a long target': { inputs: { rgb }, targets: [name] },
      'a long model': { ...few, model: name },
      'a long guidance name': {
        inputs: { rgb },
        targets: [{ modality: 'depth', guidance: { [name]: 1 } }],
      },
      'a long setting': { inputs: { rgb }, targets: [{ modality: 'depth', [name]: 1 }] },
      'many fields': { ...few, ...Object.fromEntries(keys) },
      'many inputs': { inputs: Object.fromEntries(keys), targets: ['depth'] },
      'many bad targets': { inputs: { rgb }, targets: Array.from({ length: 10_000 }, () => ({})) },
      'many bad tokens': {
        inputs: { rgb: { tokens: Array(20_000).fill(-1) } },
        targets: ['depth'],
      },
      'many settings': { inputs: { rgb }, targets: [Object.fromEntries(keys)] },
      '60 bad targets': { inputs: { rgb }, targets: Array.from({ length: 60 }, () => ({ a: 1 })) },
    };
    const nested = `{"inputs":{"rgb":${'['.repeat(5000)}${']'.repeat(5000)}},"targets":["depth"]}`;
    const texts = [
      ['deep', nested],
      ...Object.entries(bodies).map(([what, body]) => [what, JSON.stringify(body)]),
    ] as [string, string][];
    for (const [what, body] of texts) {
      const answer = await send(body);
      const text = await answer.text();
      assert.ok(answer.status >= 400 && answer.status < 500, `${what}: ${answer.status}`);
      assert.ok(text.length < 64_000, `${what}: ${text.length} characters`);
      const { errors = [], detail } = JSON.parse(text);
      assert.ok(errors.length <= 16, what);
      assert.doesNotMatch(detail, /Invalid|expected|undefined|\bzod\b/i, what);
    }
    for (const [twice, value] of [
      [name, 'text'],
      ['caption', name],
    ] as const) {
      const form = new FormData();
      form.append(twice, value);
      form.append(twice, value);
      const answer = await fetch(`${f.url}/v1/generate`, { method: 'POST', body: form });
      assert.ok((await answer.text()).length < 64_000);
    }
  });

  test('names that mean something to JavaScript are as unknown as any other', async () => {
    for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
      const inputs = `{"rgb":"${rgb}","${name}":"x"}`;
      const input = await problemOf(
        await send(`{"inputs":${inputs},"targets":["depth"]}`),
        'unknown_modality',
      );
      assert.equal(input.errors?.[0]?.pointer, `/inputs/${name}`);
      const target = `{"modality":"depth","guidance":{"rgb":1,"${name}":1}}`;
      const weight = await problemOf(
        await send(`{"inputs":{"rgb":"${rgb}"},"targets":[${target}]}`),
        'invalid_guidance',
      );
      assert.equal(weight.errors?.[0]?.pointer, `/targets/0/guidance/${name}`);
      const field = await problemOf(
        await send(`{"inputs":{"rgb":"${rgb}"},"targets":["depth"],"${name}":1}`),
        'invalid_request',
      );
      assert.equal(field.errors?.[0]?.pointer, `/${name}`);
      for (const value of ['text', new Blob([new Uint8Array(PNG)])]) {
        const form = new FormData();
        form.append(name, value);
        form.append('targets', 'depth');
        const answer = await fetch(`${f.url}/v1/generate`, { method: 'POST', body: form });
        const problem = await problemOf(answer, 'unknown_modality');
        assert.equal(problem.errors?.[0]?.pointer, `/inputs/${name}`);
      }
    }
  });

  test('a form field that comes twice is refused by name; targets may come twice', async () => {
    const picture = new Blob([new Uint8Array(PNG)]);
    for (const [name, pointer, values] of [
      ['rgb', '/inputs/rgb', [picture, picture]],
      ['caption', '/inputs/caption', ['a', 'b']],
      ['rgb', '/inputs/rgb', ['a', picture]],
      ['model', '/model', ['fake', 'fake']],
      ['request', '/request', ['{}', '{}']],
    ] as const) {
      const form = new FormData();
      for (const value of values) form.append(name, value);
      form.append('targets', 'depth');
      form.append('targets', 'normal');
      const answer = await fetch(`${f.url}/v1/generate`, { method: 'POST', body: form });
      const problem = await problemOf(answer, 'invalid_request');
      assert.equal(problem.errors?.[0]?.pointer, pointer);
      assert.match(problem.detail, new RegExp(`${name} comes twice`));
    }
  });

  test('data may be a data URL, long or short, in JSON or in a form', async () => {
    const long = Buffer.concat([PNG, Buffer.alloc(110_000, 7)]);
    const ids: Record<string, Set<unknown>> = { short: new Set(), long: new Set() };
    for (const [length, bytes] of [
      ['short', PNG],
      ['long', long],
    ] as const) {
      const base64 = bytes.toString('base64');
      const url = `data:image/png;base64,${base64}`;
      const form = new FormData();
      form.append('rgb', new Blob([new Uint8Array(bytes)]), 'x.png');
      form.append('targets', 'depth');
      const lines = base64.replace(/.{76}/g, '$&\n');
      const answers = [
        await ask({ inputs: { rgb: url }, targets: ['depth'] }),
        await ask({ inputs: { rgb: { data: url } }, targets: ['depth'] }),
        await ask({ inputs: { rgb: { data: base64 } }, targets: ['depth'] }),
        await ask({ inputs: { rgb: { data: lines } }, targets: ['depth'] }),
        await fetch(`${f.url}/v1/generate`, { method: 'POST', body: form }),
      ];
      for (const answer of answers) {
        assert.equal(answer.status, 200, await answer.clone().text());
        ids[length]?.add(answer.headers.get('x-4m-result'));
      }
      const sent = f.worker.asked.at(-1)?.request.inputs.rgb;
      assert.deepEqual(sent, { data: base64 }, 'the worker gets base64');
    }
    assert.deepEqual([ids.short?.size, ids.long?.size], [1, 1]);
  });

  test('texts beyond what their modality can need are refused before a worker is asked', async () => {
    const asked = f.worker.asked.length;
    for (const caption of ['['.repeat(190_000), 'red box '.repeat(20_000), 'x'.repeat(5000)]) {
      for (const value of [caption, { text: caption }]) {
        const answer = await ask({ inputs: { caption: value }, targets: ['depth'] });
        assert.equal(answer.status, 400);
        const problem = await answer.json();
        assert.match(problem.errors[0].pointer, /^\/inputs\/caption(\/text)?$/);
        assert.match(problem.detail, /more than \d+ characters|at most \d+ characters/);
      }
    }
    assert.equal(f.worker.asked.length, asked);
  });

  test('a compressed body is told that it is', async () => {
    const bytes = new Uint8Array(gzipSync(JSON.stringify(few)));
    const problem = await problemOf(
      await send(bytes, { 'content-encoding': 'gzip' }),
      'unsupported_media_type',
    );
    assert.match(problem.detail, /compressed with gzip/);
    assert.equal((await send(JSON.stringify(few), { 'content-encoding': 'identity' })).status, 200);
  });

  test('after a body that is too large the connection is closed, or can be used', async () => {
    const head = (length: number): string =>
      `POST /v1/generate HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n`;
    const large = MAX_BODY + 1;
    const next = 'GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n';
    const said = await converse(f.url, [head(large), 'x'.repeat(large), 500, next]);
    assert.match(said, /^HTTP\/1\.1 413/);
    const closes = /^connection: close/im.test(said.split('\r\n\r\n')[0] ?? '');
    assert.ok(closes || /HTTP\/1\.1 200/.test(said), said);
    // What is announced is refused by that, although it never comes.
    const announced = await converse(f.url, [head(1e12), 'x'.repeat(1000)]);
    assert.match(announced, /^HTTP\/1\.1 413/);
    assert.match(announced, /too_large/);
  });

  test('callers who read only after they have sent everything see why they are refused', async () => {
    const length = 20 * MAX_BODY;
    const head = `POST /v1/generate HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n`;
    const callers = Array.from({ length: 8 }, async () => {
      const { hostname, port } = new URL(f.url);
      const socket = connect(Number(port), hostname);
      socket.pause();
      await new Promise((resolve) => socket.write(head + ' '.repeat(length), resolve));
      socket.resume();
      const [answer] = await once(socket, 'data');
      socket.destroy();
      return String(answer).split('\r\n')[0];
    });
    const seen = new Set(await Promise.all(callers));
    assert.deepEqual([...seen], ['HTTP/1.1 413 Payload Too Large']);
  });

  test('a body that comes too slowly is refused, and its connection closed', async () => {
    const head =
      'POST /v1/generate HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n';
    const started = performance.now();
    const pieces = Array.from({ length: 8 }, () => ['x', (BODY_SECONDS * 1000) / 8]).flat();
    const said = await converse(f.url, [head, ...pieces]);
    assert.match(said, /^HTTP\/1\.1 408/, `after ${performance.now() - started} ms: ${said}`);
    assert.match(said, /too_slow/);
  });

  test('bodies under way are bounded together: 503 with Retry-After, and room again', async () => {
    // Each holds its connection with all but the end of a body.
    const hold = (): Socket => {
      const { hostname, port } = new URL(f.url);
      const socket = connect(Number(port), hostname);
      socket.on('error', () => {});
      const length = MAX_BODY - 1000;
      socket.write(
        `POST /v1/generate HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n`,
      );
      socket.write(' '.repeat(length - 1));
      return socket;
    };
    let retryAfter: string | null = null;
    // Bodies that wait are refused after a while themselves, so that each try has its own.
    await until(async () => {
      const held = Array.from({ length: 6 }, hold);
      try {
        await new Promise((resolve) => setTimeout(resolve, 300));
        const busy = await send(JSON.stringify({ ...few, pad: 'x'.repeat(MAX_BODY / 2) }));
        retryAfter = busy.headers.get('retry-after');
        await busy.arrayBuffer();
        return busy.status === 503;
      } finally {
        for (const socket of held) socket.destroy();
      }
    }, 'there is no room for one more');
    assert.ok(Number(retryAfter) > 0);
    let status = 0;
    await until(async () => {
      const again = await ask(few);
      await again.arrayBuffer();
      status = again.status;
      return status !== 503;
    }, 'there is room again');
    assert.equal(status, 200);
  });
}
