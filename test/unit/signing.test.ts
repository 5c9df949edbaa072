import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { test } from 'node:test';
import { isSignedBody, signInternal, verifyInternal } from '../../shared/api/signing.ts';

const SECRET = 'a secret of this test';
const bytes = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
const post = { method: 'POST', path: '/internal/generate' };

type Headers = Readonly<Record<string, string>>;
const verify = (headers: Headers, asked = post, now = 1000, secret = SECRET) =>
  verifyInternal(secret, asked, (name) => headers[name], now);

test('the signature covers what its documentation says, computed here with node:crypto', async () => {
  const headers = await signInternal(SECRET, post, bytes('körper'), 1000.9);
  const digest = createHash('sha256').update('körper').digest('hex');
  const text = `4m-internal-2\nPOST\n/internal/generate\n1000\n7\n${digest}`;
  assert.deepEqual(headers, {
    'x-4m-timestamp': '1000',
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

test('the body has to be the one that was signed', async () => {
  const signed = await verify(await signInternal(SECRET, post, bytes('body'), 1000));
  assert.ok(signed);
  assert.equal(await isSignedBody(signed, bytes('body')), true);
  for (const other of ['bodY', 'bod', 'body ', '']) {
    assert.equal(await isSignedBody(signed, bytes(other)), false, other);
  }
});
