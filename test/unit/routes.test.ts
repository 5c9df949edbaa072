/** The worker's routes over a model that is not loaded yet, or that fails. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { signInternal } from '../../shared/api/signing.ts';
import { fmConfigSchema } from '../../shared/model/config.ts';
import { resolveModalities } from '../../shared/model/modalities.ts';
import { type RunningServer, startServer } from '../../worker/http/server.ts';
import { createRegistry } from '../../worker/registry/registry.ts';
import { createGate } from '../../worker/service/gate.ts';
import type { LoadedModelSet } from '../../worker/session/types.ts';
import { describeModel, type Served, type ServedModel } from '../../worker/tasks/servedModel.ts';
import { answeredBy } from '../support/answeredBy.ts';
import { offerOf, sourceOf } from '../support/offers.ts';
import { REFERENCE_SPECIALS } from '../support/trace.ts';

const SECRET = 'a secret for this test alone';
const names = ['caption', 'tok_depth@224'];
const fails = { run: () => Promise.reject(new Error('/secret/path: the thread died')) };
const loaded = {
  set: { id: 'broken', digest: '', licence: '' },
  fm: {
    precision: 'fp32',
    parameters: 1,
    modalities: resolveModalities(names),
    config: fmConfigSchema.parse({
      domains_in: names,
      domains_out: names,
      dim: 8,
      encoder_depth: 1,
      decoder_depth: 1,
      num_heads: 1,
      act_layer: 'SiLU',
    }),
  },
  tokenizers: {},
  died: new Promise(() => {}),
  close: () => Promise.resolve(),
  encoder: fails,
  decoder: fails,
} as unknown as LoadedModelSet;
const model: ServedModel = {
  loaded,
  text: {
    encode: () => [300],
    tokenize: () => ({ ids: [300], unknown: [] }),
    decode: () => '',
    specials: REFERENCE_SPECIALS,
    gaps: 199,
    size: 30_000,
  },
  description: describeModel(loaded),
  scheduler: answeredBy(() => Promise.reject(new Error('/secret/path: the thread died'))),
  close: loaded.close,
};

const log: Record<string, unknown>[] = [];
const say = (entry: Readonly<Record<string, unknown>>) => void log.push(entry);
/** Models that were asked to prove that they run. */
const checked: Served[] = [];
const registry = createRegistry({
  source: sourceOf(offerOf(model.description, async () => model)),
  warmUp: async (one) => void checked.push(one),
  log: say,
});
let server: RunningServer;
before(async () => {
  const services = {
    secret: SECRET,
    gate: createGate(1, 1),
    log: say,
    registry,
    isStopping: () => false,
    stopped: new AbortController().signal,
  };
  server = await startServer(services, '127.0.0.1', 0);
});
after(async () => {
  const stopped = server.stop();
  server.destroy();
  await stopped;
});

const call = async (path: string, body?: string): Promise<Response> => {
  const signed = { method: body === undefined ? 'GET' : 'POST', path };
  const bytes = new TextEncoder().encode(body ?? '');
  return await fetch(`http://127.0.0.1:${server.port}${path}`, {
    ...(body !== undefined && { method: 'POST', body }),
    headers: await signInternal(SECRET, signed, bytes, Date.now() / 1000),
  });
};
const request = { inputs: { caption: 'a cube' }, targets: ['depth'] };
const body = JSON.stringify({ request_id: 'r', id: 'i', model: 'broken', seed: 1, request });

test('before it is ready a worker lives, and answers nothing else', async () => {
  assert.equal((await call('/v2/health/live')).status, 200);
  assert.equal((await call('/v2/health/ready')).status, 503);
  for (const response of [await call('/internal/models'), await call('/internal/generate', body)]) {
    assert.deepEqual([response.status, (await response.json()).code], [503, 'not_ready']);
  }
});

test('a failing model is answered without its details, logged with them, and checked', async () => {
  await registry.load(new AbortController().signal);
  checked.length = 0;
  const response = await call('/internal/generate', body);
  const text = await response.text();
  assert.equal(response.status, 500);
  assert.equal(JSON.parse(text).code, 'internal');
  assert.doesNotMatch(text, /secret|thread/);
  assert.deepEqual(checked, [model]);
  assert.ok(log.some(({ error }) => String(error).includes('the thread died')));
});

test('a slot is free again after a failure', async () => {
  for (let i = 0; i < 2; i++) assert.equal((await call('/internal/generate', body)).status, 500);
});

/** The head and the body of an answer, which ends with the brace of its JSON. */
async function answerOn(socket: Socket): Promise<string> {
  let text = '';
  while (!text.endsWith('}')) text += String((await once(socket, 'data'))[0]);
  return text;
}

test('a stranger is refused by his headers, before a byte of his body is read', async () => {
  const socket = connect(server.port, '127.0.0.1');
  await once(socket, 'connect');
  const head = 'POST /internal/generate HTTP/1.1\r\nhost: worker\r\ncontent-length: 60000000\r\n';
  const signed = await signInternal(
    'another secret',
    { method: 'POST', path: '/internal/generate' },
    new Uint8Array(10),
    Date.now() / 1000,
  );
  const headers = Object.entries(signed).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`${head}${headers.join('')}\r\n`);
  const answer = await answerOn(socket);
  assert.match(answer, /^HTTP\/1.1 401 [\s\S]*connection: close/i);
  socket.destroy();
});

test('a signed body that is too large for its route is refused before it is read', async () => {
  const path = '/internal/detokenize';
  const body = new Uint8Array(4 * 1024 * 1024 + 1);
  const signed = await signInternal(SECRET, { method: 'POST', path }, body, Date.now() / 1000);
  const socket = connect(server.port, '127.0.0.1');
  await once(socket, 'connect');
  const headers = Object.entries(signed).map(([name, value]) => `${name}: ${value}\r\n`);
  const length = `content-length: ${body.byteLength}\r\n`;
  socket.write(`POST ${path} HTTP/1.1\r\nhost: worker\r\n${length}${headers.join('')}\r\n`);
  const answer = await answerOn(socket);
  assert.match(answer, /^HTTP\/1.1 413 [\s\S]*"code":"too_large"/);
  socket.destroy();
});

test('a body that is not the one signed is refused', async () => {
  const path = '/internal/generate';
  const signed = await signInternal(
    SECRET,
    { method: 'POST', path },
    new TextEncoder().encode(body),
    Date.now() / 1000,
  );
  const altered = body.replace('cube', 'ball');
  const response = await fetch(`http://127.0.0.1:${server.port}${path}`, {
    method: 'POST',
    headers: signed,
    body: altered,
  });
  assert.equal(response.status, 401);
});
