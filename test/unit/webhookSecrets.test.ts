/** Secrets of webhooks in the store: made once, rotated, encrypted where there is a key. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMemoryStore } from '../../shared/store/memory.ts';
import { createSealing, isSealingKey } from '../../shared/webhooks/sealing.ts';
import {
  createWebhookSecrets,
  MOST_SECRETS,
  OVERLAP_MILLISECONDS,
} from '../../shared/webhooks/secrets.ts';

const KEY = Buffer.alloc(32, 7).toString('base64');
const textsOf = (signing: readonly { secret: string }[]): string[] =>
  signing.map(({ secret }) => secret);

test('the first secret is made once, whoever needs it, and each tenant has its own', async () => {
  const store = createMemoryStore();
  const many = await Promise.all(
    Array.from({ length: 8 }, () => createWebhookSecrets(store, undefined).signing('default')),
  );
  assert.equal(new Set(many.flatMap(textsOf)).size, 1);
  const [own] = textsOf(await createWebhookSecrets(store, undefined).signing('default'));
  const [other] = textsOf(await createWebhookSecrets(store, undefined).signing('another'));
  assert.notEqual(own, other);
});

test('a new secret comes first, and the old one signs for a day', async () => {
  let now = 1_000_000;
  const secrets = createWebhookSecrets(createMemoryStore(), undefined, () => now);
  const [first] = textsOf(await secrets.signing('default'));
  const rotated = await secrets.rotate('default');
  assert.equal(rotated.length, 2);
  assert.equal(rotated[1]?.secret, first);
  assert.equal(rotated[1]?.until, now + OVERLAP_MILLISECONDS);
  assert.deepEqual(await secrets.signing('default'), rotated);
  now += OVERLAP_MILLISECONDS - 1;
  assert.equal((await secrets.signing('default')).length, 2);
  now += 1;
  assert.deepEqual(textsOf(await secrets.signing('default')), [rotated[0]?.secret]);
});

test('rotating again and again, and by many at once, keeps what signs bounded and loses no new one', async () => {
  const store = createMemoryStore();
  const secrets = createWebhookSecrets(store, undefined);
  for (let i = 0; i < 2 * MOST_SECRETS; i++) await secrets.rotate('default');
  assert.equal((await secrets.signing('default')).length, MOST_SECRETS);
  const both = await Promise.all([1, 2, 3].map(() => secrets.rotate('default')));
  const now = textsOf(await secrets.signing('default'));
  for (const [own] of both) assert.ok(own && now.includes(own.secret));
});

test('under a key no secret lies in the store as it is, and without the key none is read', async () => {
  const store = createMemoryStore();
  const secrets = createWebhookSecrets(store, createSealing(KEY));
  const [secret = ''] = textsOf(await secrets.signing('default'));
  await secrets.rotate('default');
  for (const key of (await store.list('')).keys) {
    const text = new TextDecoder().decode((await store.get(key))?.body);
    assert.ok(!text.includes(secret.slice('whsec_'.length, 20)), key);
  }
  assert.ok(
    textsOf(await createWebhookSecrets(store, createSealing(KEY)).signing('default')).includes(
      secret,
    ),
  );
  await assert.rejects(
    createWebhookSecrets(store, undefined).signing('default'),
    /FOURM_SECRETS_KEY is not set/,
  );
  const wrong = createSealing(Buffer.alloc(32, 8).toString('base64'));
  await assert.rejects(createWebhookSecrets(store, wrong).signing('default'), /another key/);
  // What belongs to one tenant is of no use in the place of another's.
  const sealing = createSealing(KEY);
  await assert.rejects(sealing.open(await sealing.seal('x', 'here'), 'there'), /another key/);
});

test('a key that is set later holds for the secrets that come then', async () => {
  const store = createMemoryStore();
  const [plain] = textsOf(await createWebhookSecrets(store, undefined).signing('default'));
  const secrets = createWebhookSecrets(store, createSealing(KEY));
  assert.deepEqual(textsOf(await secrets.signing('default')), [plain]);
  assert.equal((await secrets.rotate('default'))[1]?.secret, plain);
});

test('a key is 32 bytes in base64', () => {
  assert.ok(isSealingKey(KEY));
  for (const no of ['', 'short', Buffer.alloc(31).toString('base64'), '???'])
    assert.equal(isSealingKey(no), false);
});
