/** Calls between edge and worker: forged, changed, too old, and sent twice. */
import assert from 'node:assert/strict';
import { WORKER_ADDRESSES } from '../../shared/api/addresses.ts';
import { BATCH_URLS } from '../../shared/api/batches.ts';
import { signLine } from '../../shared/api/lineHeaders.ts';
import { signInternal } from '../../shared/api/signing.ts';
import { ask } from './ask.ts';
import { type Place, problemIn } from './place.ts';

const now = (): number => Date.now() / 1000;
const bytesOf = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

interface Call {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body: Uint8Array<ArrayBuffer>;
}
type Sign = (secret: string, call: Call, at: number) => Promise<Record<string, string>>;

/** @returns statuses by what was wrong */
async function attackSigned(
  url: string,
  secret: string,
  call: Call,
  sign: Sign,
  more: Readonly<Record<string, string>> = {},
) {
  const send = async (headers: Record<string, string>, { method, path, body }: Call = call) => {
    const asked = {
      method,
      path,
      headers: { 'content-type': 'application/json', ...more, ...headers },
    };
    return await ask(url, method === 'GET' ? asked : { ...asked, body });
  };
  const what = `${call.method} ${call.path}`;
  const other = bytesOf(`${new TextDecoder().decode(call.body)} `);
  const signed = await sign(secret, call, now());
  const wrong: Record<string, Record<string, string>> = {
    'no signature at all': {},
    'another secret': await sign(`${secret}x`, call, now()),
    'an empty secret': await sign('\0', call, now()),
    'another path': await sign(secret, { ...call, path: `${call.path}x` }, now()),
    'an old one': await sign(secret, call, now() - 3600),
    'one of later': await sign(secret, call, now() + 3600),
  };
  for (const name of Object.keys(signed)) {
    const value = signed[name] ?? '';
    const changed = value.slice(0, -1) + (value.endsWith('1') ? '2' : '1');
    wrong[`${name} changed`] = { ...signed, [name]: changed };
    wrong[`${name} empty`] = { ...signed, [name]: '' };
  }
  for (const [why, headers] of Object.entries(wrong)) {
    const answer = await send(headers);
    // Whose line it is may be left out: then it is anybody's request, who needs a key.
    assert.equal(
      answer.status,
      401,
      `${what}, ${why}: ${answer.status} ${answer.text.slice(0, 200)}`,
    );
  }
  if (call.method === 'POST') {
    const fresh = await sign(secret, call, now());
    const answer = await send(fresh, { ...call, body: other });
    assert.ok([400, 401].includes(answer.status), `${what}, another body: ${answer.status}`);
  }
  const twice = await sign(secret, call, now());
  const [first, second] = [await send(twice), await send(twice)];
  assert.notEqual(first.status, 401, `${what}: ${first.text}`);
  assert.equal(
    second.status,
    401,
    `${what}, sent twice: ${second.status} ${second.text.slice(0, 200)}`,
  );
}

export async function attackWorker(place: Place): Promise<void> {
  const { secret } = place;
  for (const { method, path } of Object.values(WORKER_ADDRESSES)) {
    if (!path.startsWith('/internal/')) continue;
    const body = method === 'GET' ? new Uint8Array(0) : bytesOf('{}');
    await attackSigned(place.workerUrl, secret, { method, path, body }, (own, call, at) =>
      signInternal(own, call, call.body, at),
    );
  }
  for (const path of [
    '/',
    '//internal/models',
    '/internal/../internal/models',
    '/internal/models/',
    '/internal/%6dodels',
    '/v1/models',
    '//',
  ]) {
    const { status } = await ask(place.workerUrl, { path });
    assert.ok([0, 400, 401, 404].includes(status), `${path}: ${status}`);
  }
  // None of it is reachable through the edge.
  for (const { method, path } of Object.values(WORKER_ADDRESSES)) {
    if (path === WORKER_ADDRESSES.metrics.path) continue;
    const body = method === 'GET' ? new Uint8Array(0) : bytesOf('{}');
    const headers = await signInternal(secret, { method, path }, body, now());
    const answer = await place.as(place.keys.one, {
      method,
      path,
      headers,
      ...(method === 'POST' && { body }),
    });
    assert.equal(problemIn(answer, path).code, 'not_found', path);
  }
}

export async function attackLines(place: Place): Promise<void> {
  const { secret } = place;
  for (const path of BATCH_URLS) {
    const body = bytesOf(JSON.stringify({ inputs: { caption: 'a line' } }));
    await attackSigned(place.url, secret, { method: 'POST', path, body }, (own, call, at) =>
      signLine(own, call.path, 'one', call.body, at),
    );
  }
}
