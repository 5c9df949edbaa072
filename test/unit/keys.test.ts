import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { runCommand } from '../../infra/keys/commands.ts';
import { FailureError } from '../../shared/api/problem.ts';
import type { KeyDocument } from '../../shared/keys/documents.ts';
import { createKeyCache } from '../../shared/keys/keyCache.ts';
import { createKeyStore } from '../../shared/keys/keyStore.ts';
import { createSecret, hashOfSecret } from '../../shared/keys/secret.ts';
import { createMemoryStore } from '../../shared/store/memory.ts';

const NOW = Date.UTC(2026, 0, 1);
const about = { tenant: 'one', name: '', scopes: ['*'], limits: {}, created: NOW };
const none = () => {};
const codeOf = (error: unknown) => (error instanceof FailureError ? error.failure.code : error);

test('a key is named by its sha256, and what has another form or check is none', async () => {
  const secret = await createSecret();
  assert.match(secret, /^4m_[A-Za-z0-9_-]{43}_[0-9a-f]{6}$/);
  assert.equal(await hashOfSecret(secret), createHash('sha256').update(secret).digest('hex'));
  assert.notEqual(secret, await createSecret());
  const typo = secret.replace(/^4m_./, (start) => `4m_${start.endsWith('a') ? 'b' : 'a'}`);
  for (const wrong of ['', typo, secret.slice(1), `${secret} `, secret.toUpperCase()])
    assert.equal(await hashOfSecret(wrong), undefined, wrong);
});

test('the store holds neither a key nor a part of one', async () => {
  const store = createMemoryStore();
  const { secret, key } = await createKeyStore(store).create(about);
  const { keys } = await store.list('');
  assert.deepEqual(keys, [`keys/${createHash('sha256').update(secret).digest('hex')}.json`]);
  const text = new TextDecoder().decode((await store.get(keys[0] ?? ''))?.body);
  const random = secret.slice(3, 46);
  for (let i = 0; i + 8 <= random.length; i++) {
    const part = random.slice(i, i + 8);
    assert.ok(!text.includes(part) && !key.id.includes(part), 'no eight characters of it');
  }
});

/** A cache over keys that can be counted and taken away. */
function counted(ttlSeconds = 10) {
  const clock = { now: NOW };
  const looked: string[] = [];
  const documents = new Map<string, KeyDocument>();
  const store = { isBroken: false, gate: undefined as Promise<void> | undefined };
  const keys = {
    async find(hash: string) {
      looked.push(hash);
      await store.gate;
      if (store.isBroken) throw new Error('EIO');
      return documents.get(hash);
    },
    tenant: async () => undefined,
  };
  const cache = createKeyCache(keys, ttlSeconds, none, () => clock.now);
  const add = (hash: string) => documents.set(hash, { format: 1, id: `key_${hash}`, ...about });
  return { cache, clock, looked, documents, store, add };
}

test('a key is looked up once for a while, by all who send it at once', async () => {
  const { cache, clock, looked, documents, add } = counted();
  add('a');
  await Promise.all(Array.from({ length: 20 }, () => cache.find('a', none)));
  assert.equal(looked.length, 1);
  clock.now += 9000;
  assert.ok(await cache.find('a', none));
  assert.equal(looked.length, 1);
  documents.delete('a');
  clock.now += 1001;
  assert.equal(await cache.find('a', none), undefined, 'gone within the time');
});

test('while the store is out of order a known key is believed for a minute, and no longer', async () => {
  const { cache, clock, store, add } = counted();
  add('a');
  await cache.find('a', none);
  store.isBroken = true;
  clock.now += 59_000;
  assert.ok(await cache.find('a', none));
  clock.now += 1001;
  await assert.rejects(cache.find('a', none), (error) => codeOf(error) === 'store_unavailable');
  await assert.rejects(cache.find('b', none), (error) => codeOf(error) === 'store_unavailable');
});

test('absent keys are remembered for some seconds, and a new one works after these', async () => {
  const { cache, clock, looked, add } = counted();
  for (let i = 0; i < 10; i++) assert.equal(await cache.find('a', none), undefined);
  assert.equal(looked.length, 1);
  add('a');
  clock.now += 5000;
  assert.ok(await cache.find('a', none));
});

test('strange keys are looked up by a bounded number at once; known ones whatever they do', async () => {
  const { cache, clock, looked, store, add } = counted();
  add('known');
  await cache.find('known', none);
  clock.now += 20_000;
  let open = none;
  store.gate = new Promise((resolve) => {
    open = resolve;
  });
  const strange = Array.from({ length: 1000 }, (_, i) => cache.find(`x${i}`, none).catch(codeOf));
  const known = cache.find('known', none);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(looked.length, 1 + 64 + 1);
  open();
  const answers = await Promise.all(strange);
  assert.equal(answers.filter((answer) => answer === 'overloaded').length, 1000 - 64);
  assert.ok(await known);
});

test('commands: made, listed, rotated, bounded, revoked', async () => {
  const keys = createKeyStore(createMemoryStore());
  const run = (...args: string[]) => runCommand(keys, args, NOW);
  const [secret = ''] = await run(
    'create',
    '--tenant',
    'acme',
    '--scopes',
    'generate',
    '--expires',
    '2d',
  );
  const hash = (await hashOfSecret(secret)) ?? assert.fail('what is shown is a key');
  const key = (await keys.find(hash)) ?? assert.fail('it is there');
  assert.deepEqual(
    [key.tenant, key.scopes, key.expires],
    ['acme', ['generate'], NOW + 2 * 86_400_000],
  );
  await run('limits', key.id, '--requests', '60', '--jobs', '2');
  await run('limits', key.id, '--jobs', 'none');
  assert.deepEqual((await keys.find(hash))?.limits, { requests_per_minute: 60 });
  await run('limits', '--tenant', 'acme', '--units', '100');
  assert.deepEqual((await keys.tenant('acme'))?.limits, { units_per_minute: 100 });
  const [rotated = ''] = await run('rotate', key.id, '--grace', '1h');
  const next = (await keys.find((await hashOfSecret(rotated)) ?? '')) ?? assert.fail();
  assert.deepEqual(
    [next.scopes, next.limits, next.tenant],
    [key.scopes, { requests_per_minute: 60 }, 'acme'],
  );
  assert.equal((await keys.find(hash))?.expires, NOW + 3_600_000);
  await assert.rejects(
    run('rotate', key.id),
    new RegExp(`was rotated before: rotate ${next.id}`),
    'another key like it would end with its grace',
  );
  await run('revoke', key.id);
  assert.equal((await keys.find(hash))?.revoked, NOW);
  const listed = (await run('list', '--tenant', 'acme')).join('\n');
  assert.match(listed, / revoked /);
  assert.match(listed, / valid /);
  assert.ok(!listed.includes(secret) && !listed.includes(rotated));
});

test('commands say what is wrong with them', async () => {
  const keys = createKeyStore(createMemoryStore());
  const cases: [string[], RegExp][] = [
    [[], /^usage/],
    [['create'], /--tenant/],
    [['create', '--tenant', '_shared'], /small letters/],
    [
      ['create', '--tenant', 'a', '--scopes', 'everything'],
      /there is no everything; there are generate/,
    ],
    [['create', '--tenant', 'a', '--expires', 'soon'], /soon is no time/],
    [['create', '--tenant', 'a', '--requests', '0'], /requests_per_minute/],
    [['create', '--tenants', 'a'], /--tenants/],
    [['revoke', 'key_00000000000000000000'], /there is no key/],
    [['revoke', '../x'], /there is no key/],
  ];
  for (const [args, message] of cases)
    await assert.rejects(runCommand(keys, args, NOW), (error: Error) =>
      message.test(error.message),
    );
  assert.deepEqual(await keys.list(), []);
});
