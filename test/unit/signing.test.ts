import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { test } from 'node:test';
import { createNonces } from '../../shared/api/nonces.ts';
import { isSignedBody, signInternal, verifyInternal } from '../../shared/api/signing.ts';

const SECRET = 'a secret of this test';
const bytes = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
const post = { method: 'POST', path: '/internal/generate' };

type Headers = Readonly<Record<string, string>>;
const verify = (headers: Headers, asked = post, now = 1000, secret = SECRET) =>
  verifyInternal(secret, asked, (name) => headers[name], now, createNonces());

test('the signature covers what its documentation says, computed here with node:crypto', async () => {
  const headers = await signInternal(SECRET, post, bytes('körper'), 1000.9);
  const digest = createHash('sha256').update('körper').digest('hex');
  const nonce = headers['x-4m-nonce'] ?? '';
  assert.match(nonce, /^[0-9a-f]{32}$/);
  const text = `4m-internal-3\nPOST\n/internal/generate\n1000\n${nonce}\n7\n${digest}`;
  assert.deepEqual(headers, {
    'x-4m-timestamp': '1000',
    'x-4m-nonce': nonce,
    'x-4m-content-length': '7',
    'x-4m-content-sha256': digest,
    'x-4m-signature': createHmac('sha256', SECRET).update(text).digest('hex'),
  });
});

test('the headers alone are judged: right ones hold, anything changed does not', async () => {
  const headers = await signInternal(SECRET, post, bytes('body'), 1000);
  assert.equal((await verify(headers))?.contentLength, 4);
  assert.ok(await verify(headers, post, 1300), 'within 300 s');
  assert.ok(await verify(headers, post, 700), 'clocks may differ');
  assert.equal(await verify(headers, post, 1301), undefined);
  assert.equal(await verify(headers, post, 699), undefined);
  assert.equal(await verify(headers, { ...post, method: 'GET' }), undefined);
  assert.equal(await verify(headers, { ...post, path: '/internal/tokenize' }), undefined);
  assert.equal(await verify(headers, post, 1000, 'another secret'), undefined);
  for (const [name, value] of Object.entries(headers)) {
    const last = value.at(-1) === '1' ? '2' : '1';
    const changed = { ...headers, [name]: value.slice(0, -1) + last };
    assert.equal(await verify(changed), undefined, `${name} changed`);
    const { [name]: _, ...without } = headers;
    assert.equal(await verify(without), undefined, `${name} absent`);
  }
});

test("a request is taken once, as long as its signature holds; what was not signed takes nobody's place", async () => {
  const nonces = createNonces();
  const take = (headers: Headers, now = 1000) =>
    verifyInternal(SECRET, post, (name) => headers[name], now, nonces);
  const [one, other] = [
    await signInternal(SECRET, post, bytes('body'), 1000),
    await signInternal(SECRET, post, bytes('body'), 1000),
  ];
  assert.notEqual(one['x-4m-nonce'], other['x-4m-nonce'], 'equal requests are told apart');
  assert.equal(await take({ ...one, 'x-4m-signature': '0'.repeat(64) }), undefined);
  assert.ok(await take(one));
  assert.ok(await take(other));
  for (const now of [1000, 1299, 1300, 1301]) assert.equal(await take(one, now), undefined);
});

test('nonces are forgotten when their signatures are too old, or when they are too many', () => {
  const nonces = createNonces(3);
  assert.ok(nonces.take('a', 10, 0));
  assert.equal(nonces.take('a', 10, 10), false);
  assert.ok(nonces.take('b', 30, 11));
  assert.ok(nonces.take('a', 31, 11), 'it was forgotten');
  assert.ok(['c', 'd', 'e'].every((nonce) => nonces.take(nonce, 40, 12)));
  assert.equal(nonces.take('e', 40, 12), false);
  assert.ok(nonces.take('b', 40, 12), 'the oldest was forgotten');
});

test('the body has to be the one that was signed', async () => {
  const signed = await verify(await signInternal(SECRET, post, bytes('body'), 1000));
  assert.ok(signed);
  assert.equal(await isSignedBody(signed, bytes('body')), true);
  for (const other of ['bodY', 'bod', 'body ', '']) {
    assert.equal(await isSignedBody(signed, bytes(other)), false, other);
  }
});
