/** Keys and tenants: who may ask what, and that nobody sees what another has. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { type Route, scopeOf } from '../../shared/api/route.ts';
import { ROUTES } from '../../shared/api/routes.ts';
import type { Limits } from '../../shared/keys/documents.ts';
import { createKeyStore, type KeyStore } from '../../shared/keys/keyStore.ts';
import { checkRoutes } from '../support/routeCheck.ts';
import { until } from '../support/waiting.ts';
import { agentKeyTests } from './agentKeys.ts';
import { problemOf } from './errors.ts';
import { idempotencyTests } from './idempotency.ts';
import { keyUseTests } from './keyUse.ts';
import type { Edge, Fixture } from './suite.ts';

const routes: readonly Route[] = Object.values(ROUTES);
/** An address of a route, with something in the place of each step. */
const addressOf = ({ path }: Route): string => path.replaceAll(/\{\w+\}/g, 'x');
const DEPTH = { inputs: { caption: 'a réd sphere' }, targets: ['depth'] };

/** @param start an edge on the same store and workers, with further settings */
export function keyTests(
  f: Fixture,
  start: (env: Record<string, string>) => Promise<Edge>,
  isShared: boolean,
): void {
  describe('with keys', {
    skip: !isShared && 'nobody else could write keys into this store',
  }, () => {
    let edge: Edge | undefined;
    let keys: KeyStore | undefined;
    const make = async (
      tenant: string,
      more: { scopes?: string[]; expires?: number; limits?: Limits } = {},
    ) => {
      const store = keys ?? assert.fail('there is no store of keys');
      const about = { tenant, name: 'test', scopes: ['*'], limits: {}, created: Date.now() };
      return await store.create({ ...about, ...more });
    };
    const ask = (path: string, secret?: string, init: RequestInit = {}) =>
      fetch(`${edge?.url}${path}`, {
        ...init,
        headers: {
          'content-type': 'application/json',
          ...(secret !== undefined && { authorization: `Bearer ${secret}` }),
          ...init.headers,
        },
      });
    const generate = (secret: string, body: object = DEPTH, headers: Record<string, string> = {}) =>
      ask('/v1/generate', secret, { method: 'POST', body: JSON.stringify(body), headers });
    before(async () => {
      edge = await start({ FOURM_AUTH: 'keys', FOURM_KEY_TTL_SECONDS: '1' });
      keys = createKeyStore(f.shared ?? assert.fail('there is no store'));
    });
    after(() => edge?.close());

    test('open to everybody are health, documents, pages and signed links, and nothing else', () => {
      const open = routes.filter((route) => scopeOf(route) === undefined).map(({ id }) => id);
      const known = ['link', 'putLink', 'healthz', 'readyz', 'openapi', 'docs', 'playground'];
      assert.deepEqual(open.sort(), known.sort());
    });

    test('without a key, or with what is none, every route but the open ones is refused', async () => {
      const check = checkRoutes(() => edge?.url);
      const { secret } = await make('one');
      const wrong = [undefined, 'nonsense', `${secret}x`, secret.replace(/.$/, 'g')];
      for (const route of routes) {
        const isOpen = scopeOf(route) === undefined;
        const headers = { 'content-type': 'application/json' };
        const body = route.method === 'POST' || route.method === 'PUT' ? '{}' : null;
        for (const given of wrong.slice(0, isOpen ? 1 : 4)) {
          const answer = await ask(addressOf(route), given, {
            method: route.method,
            headers,
            body,
          });
          assert.equal(answer.status === 401, !isOpen, `${route.method} ${route.path}`);
          if (isOpen) await answer.arrayBuffer();
          else await problemOf(answer, 'unauthorized');
          const challenge = answer.headers.get('www-authenticate');
          assert.equal(challenge?.startsWith('Bearer realm='), isOpen ? undefined : true);
        }
      }
      check.stop();
      assert.deepEqual(await check.violations(), []);
    });

    test('a key never made is refused, with the form and check of one', async () => {
      // Made in a store of its own.
      const { secret } = await createKeyStore(
        (await import('../../shared/store/memory.ts')).createMemoryStore(),
      ).create({
        ...{ tenant: 'one', name: '', scopes: ['*'], limits: {}, created: 0 },
      });
      const refused = await ask('/v1/models', secret);
      assert.equal(refused.headers.get('www-authenticate')?.includes('invalid_token'), true);
      const { detail } = await problemOf(refused, 'unauthorized');
      assert.ok(!detail.includes(secret.slice(0, 10)));
    });

    test('a batch opens no address that its key does not', async () => {
      const line = (url: string) =>
        JSON.stringify({ custom_id: url, method: 'POST', url, body: { inputs: {}, targets: [] } });
      const post = async (scopes: string[], query = '') => {
        const { secret } = await make('batching', { scopes: ['batches', ...scopes] });
        const headers = { 'content-type': 'application/x-ndjson' };
        const body = `${line('/v1/embed')}\n${line('/v1/generate')}`;
        const answer = await ask(`/v1/batches${query}`, secret, { method: 'POST', body, headers });
        return { secret, answer };
      };
      const { detail } = await problemOf((await post([])).answer, 'insufficient_scope');
      assert.match(detail, /none of generate, embed, classify/);
      const other = await post(['embed'], '?endpoint=/v1/generate');
      await problemOf(other.answer, 'insufficient_scope');
      const { secret, answer } = await post(['embed']);
      const { id } = (await answer.json()) as { id: string };
      const errors = async () => await (await ask(`/v1/batches/${id}/errors`, secret)).text();
      await until(
        async () => !(await errors()).includes('batch_unfinished'),
        'the batch has ended',
      );
      const [embed, generate] = (await errors()).trim().split('\n');
      assert.match(
        embed ?? '',
        /"code":"invalid_request"/,
        'it was asked, and refused by its fields',
      );
      assert.match(generate ?? '', /"code":"insufficient_scope"/);
    });

    test('a key opens the routes of its scopes, and no other', async () => {
      const { secret } = await make('one', { scopes: ['generate', 'models'] });
      assert.equal((await generate(secret)).status, 200);
      assert.equal((await ask('/v1/models', secret)).status, 200);
      for (const route of routes) {
        const scope = scopeOf(route);
        if (scope === undefined || scope === 'generate' || scope === 'models') continue;
        const answer = await ask(addressOf(route), secret, { method: route.method });
        const { detail } = await problemOf(answer, 'insufficient_scope');
        assert.ok(detail.includes(scope), detail);
        assert.ok(answer.headers.get('www-authenticate')?.includes(`scope="${scope}"`));
      }
    });

    test('keys that have expired, or were revoked, are refused: within the time that they are believed', async () => {
      const { secret, key } = await make('one', { expires: Date.now() + 3_600_000 });
      assert.equal((await ask('/v1/models', secret)).status, 200);
      await keys?.change(key.id, (before) => ({ ...before, expires: Date.now() - 1 }));
      await pause(1100);
      const expired = await problemOf(await ask('/v1/models', secret), 'unauthorized');
      assert.match(expired.detail, /expired/);
      const other = await make('one');
      assert.equal((await ask('/v1/models', other.secret)).status, 200);
      await keys?.change(other.key.id, (before) => ({ ...before, revoked: Date.now() }));
      await pause(1100);
      const revoked = await problemOf(await ask('/v1/models', other.secret), 'unauthorized');
      assert.match(revoked.detail, /revoked/);
    });

    test("nobody is answered from another's results, and equal requests have equal seeds", async () => {
      const [one, other] = [await make('one'), await make('other')];
      const body = { ...DEPTH, inputs: { caption: crypto.randomUUID() } };
      const first = await generate(one.secret, body);
      assert.match(first.headers.get('cache-status') ?? '', /fwd=miss/);
      assert.match((await generate(one.secret, body)).headers.get('cache-status') ?? '', /hit/);
      const stranger = await generate(other.secret, body);
      assert.match(stranger.headers.get('cache-status') ?? '', /fwd=miss/);
      assert.equal(stranger.headers.get('x-4m-seed'), first.headers.get('x-4m-seed'));
      assert.equal(stranger.headers.get('x-4m-result'), first.headers.get('x-4m-result'));
    });

    test("another's tokens, jobs and heads are not there; workers are told whose collections they are", async () => {
      const [one, other] = [await make('one'), await make('other')];
      const kept = await ask('/v1/tokenize', one.secret, {
        method: 'POST',
        body: JSON.stringify({ inputs: { caption: 'mine' }, keep: true }),
      });
      const { inputs } = (await kept.json()) as { inputs: { caption: { ref: string } } };
      const { ref } = inputs.caption;
      assert.equal((await ask(`/v1/tokens/${ref}`, one.secret)).status, 200);
      await problemOf(await ask(`/v1/tokens/${ref}`, other.secret), 'unknown_ref');
      const named = { inputs: { caption: { ref } }, targets: ['depth'] };
      await problemOf(await generate(other.secret, named), 'unknown_ref');

      const asked = await generate(one.secret, DEPTH, { prefer: 'respond-async' });
      assert.equal(asked.status, 202);
      const job = asked.headers.get('location') ?? '';
      assert.equal((await ask(job, one.secret)).status, 200);
      for (const [path, method] of [
        [job, 'GET'],
        [job, 'DELETE'],
        [`${job}/events`, 'GET'],
      ] as const)
        await problemOf(await ask(path, other.secret, { method }), 'unknown_job');
      const page = (await (await ask('/v1/jobs', other.secret)).json()) as { jobs: unknown[] };
      assert.deepEqual(page.jobs, []);

      const fit = {
        name: 'mine',
        examples: ['a', 'b'].flatMap((label) =>
          ['1', '2'].map((text) => ({ inputs: { caption: `${label}${text}` }, label })),
        ),
      };
      const fitted = await ask('/v1/heads', one.secret, {
        method: 'POST',
        body: JSON.stringify(fit),
      });
      assert.equal(fitted.status, 200, await fitted.clone().text());
      assert.equal((await ask('/v1/heads/mine', one.secret)).status, 200);
      await problemOf(await ask('/v1/heads/mine', other.secret), 'unknown_head');

      await ask('/v1/collections', other.secret);
      assert.equal(f.worker.collectionAsked.at(-1)?.tenant, 'other');
    });

    agentKeyTests(f, { make, url: () => edge?.url ?? assert.fail('there is no edge') });
    const fixture = { make, ask, generate, url: () => edge?.url, keys: () => keys };
    keyUseTests(f, fixture);
    idempotencyTests(f, fixture);

    test('the tenant is taken from the key alone', async () => {
      const { secret } = await make('one');
      const forged = { 'x-4m-tenant': 'other', 'x-tenant': 'other' };
      await problemOf(await generate(secret, DEPTH, forged), 'unauthorized');
      await ask('/v1/collections?tenant=other', secret, { headers: { 'x-tenant': 'other' } });
      assert.equal(f.worker.collectionAsked.at(-1)?.tenant, 'one');
    });
  });
}
