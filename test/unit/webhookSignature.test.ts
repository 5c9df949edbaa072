/** Signatures of webhooks, against the specification's own library and a signature made by another program. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { Webhook } from 'standardwebhooks';
import { verifyWebhook, WebhookError } from '../../shared/client/index.ts';
import { createSecret, signWebhook } from '../../shared/webhooks/signature.ts';
import { fc } from '../support/properties.ts';

/** Made by openssl: `printf '%s' "$id.$time.$body" | openssl dgst -sha256 -mac HMAC -macopt hexkey:...`. */
const VECTOR = {
  secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  id: 'msg_2KWPBgLlAfxdpx2AI54pPJ85f4W',
  time: 1674087231,
  body: '{"type":"contact.created","timestamp":"2022-11-03T20:26:10.344522Z","data":{"id":"1f81eb52-5198-4599-803e-771906343485"}}',
  signature: 'v1,ARw42xaAApl/nxRo+iPGYwSaMQaOwMo2eyH5JBRA+bQ=',
};
const now = { now: VECTOR.time };

const reasonOf = async (work: Promise<unknown>): Promise<string> => {
  try {
    await work;
  } catch (error) {
    assert.ok(error instanceof WebhookError, String(error));
    return error.reason;
  }
  return 'trusted';
};

test('a known webhook: signed as another program signs it, and verified', async () => {
  const { secret, id, time, body, signature } = VECTOR;
  const headers = await signWebhook(id, time, body, [secret]);
  assert.deepEqual(headers, {
    'webhook-id': id,
    'webhook-timestamp': String(time),
    'webhook-signature': signature,
  });
  const verified = await verifyWebhook(body, { ...headers }, secret, now);
  assert.deepEqual(verified, JSON.parse(body));
});

test("the specification's library verifies what is signed here, and the client what that signs", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ minLength: 24, maxLength: 64 }),
      fc.jsonValue(),
      fc.stringMatching(/^[A-Za-z0-9_]{1,40}$/),
      async (key, data, id) => {
        const secret = `whsec_${Buffer.from(key).toString('base64')}`;
        const body = JSON.stringify({ type: 'job.succeeded', data, text: 'größe' });
        const library = new Webhook(secret);
        const seconds = Date.now() / 1000;
        const ours = await signWebhook(id, seconds, body, [secret]);
        assert.deepEqual(library.verify(body, { ...ours }), JSON.parse(body));
        const theirs = {
          'Webhook-Id': id,
          'Webhook-Timestamp': ours['webhook-timestamp'],
          'Webhook-Signature': library.sign(id, new Date(seconds * 1000), body),
        };
        assert.deepEqual(await verifyWebhook(body, theirs, secret), JSON.parse(body));
      },
    ),
    { numRuns: 50 },
  );
});

test('a new secret signs beside the old one: who knows either verifies', async () => {
  const [old, fresh, foreign] = [createSecret(), createSecret(), createSecret()];
  const { id, time, body } = VECTOR;
  const headers = await signWebhook(id, time, body, [fresh, old]);
  assert.equal(headers['webhook-signature'].split(' ').length, 2);
  for (const secret of [old, fresh]) {
    await verifyWebhook(new TextEncoder().encode(body), new Headers({ ...headers }), secret, now);
    // The library looks at the present alone, so that its own way of signing is compared.
    const signed = new Webhook(secret).sign(id, new Date(time * 1000), body);
    assert.ok(headers['webhook-signature'].split(' ').includes(signed));
  }
  assert.equal(
    await reasonOf(verifyWebhook(body, { ...headers }, foreign, now)),
    'no_signature_matches',
  );
});

test('what was changed on its way, or comes again later, is not trusted', async () => {
  const { secret, id, time, body } = VECTOR;
  const headers: Record<string, string> = { ...(await signWebhook(id, time, body, [secret])) };
  const verify = (change: Record<string, string | undefined>, of = body, at = time) =>
    reasonOf(verifyWebhook(of, { ...headers, ...change }, secret, { now: at }));
  assert.equal(await verify({}), 'trusted');
  assert.equal(await verify({}, `${body} `), 'no_signature_matches');
  assert.equal(await verify({ 'webhook-id': 'msg_other' }), 'no_signature_matches');
  assert.equal(await verify({ 'webhook-timestamp': String(time + 1) }), 'no_signature_matches');
  for (const signature of ['v1,', 'v1', 'v2,AAAA', 'v1,not base64', ' ', 'v1a,AAAA', 'v1,AAAA'])
    assert.equal(
      await verify({ 'webhook-signature': signature }),
      'no_signature_matches',
      signature,
    );
  assert.equal(await verify({}, body, time + 300), 'trusted');
  assert.equal(await verify({}, body, time + 301), 'too_old');
  assert.equal(await verify({}, body, time - 300), 'trusted');
  assert.equal(await verify({}, body, time - 301), 'too_new');
  for (const name of Object.keys(headers))
    for (const value of [undefined, ''])
      assert.equal(await verify({ [name]: value }), 'headers_missing', name);
  for (const malformed of ['soon', '-1', '1674087231.5', '1e9'])
    assert.equal(await verify({ 'webhook-timestamp': malformed }), 'headers_missing', malformed);
  const noJson = { ...(await signWebhook(id, time, '{', [secret])) };
  assert.equal(await reasonOf(verifyWebhook('{', noJson, secret, now)), 'invalid_body');
});

test('a secret has 24 to 64 bytes of base64, and its text is in no error', async () => {
  const sizes = [0, 23, 65].map((size) => `whsec_${Buffer.alloc(size, 7).toString('base64')}`);
  for (const secret of [...sizes, 'whsec_???', '']) {
    await assert.rejects(
      verifyWebhook('{}', {}, secret),
      (error: Error) =>
        !(error instanceof WebhookError) && (secret === '' || !error.message.includes(secret)),
    );
  }
  const made = createSecret();
  assert.match(made, /^whsec_[A-Za-z0-9+/]{43}=$/);
  assert.notEqual(made, createSecret());
});

test('what node:crypto makes of the same bytes', async () => {
  const secret = createSecret();
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
  const expected = createHmac('sha256', key).update('msg_1.5.{}').digest('base64');
  const headers = await signWebhook('msg_1', 5.9, '{}', [secret]);
  assert.equal(headers['webhook-signature'], `v1,${expected}`);
});
