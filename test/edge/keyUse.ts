/** What keys may use, and what is deleted. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Limits } from '../../shared/keys/documents.ts';
import type { CreatedKey, KeyStore } from '../../shared/keys/keyStore.ts';
import { problemOf } from './errors.ts';
import type { Fixture } from './suite.ts';

const DEPTH = { inputs: { caption: 'a réd sphere' }, targets: ['depth'] };

export interface KeyFixture {
  readonly make: (
    tenant: string,
    more?: { limits?: Limits; scopes?: string[] },
  ) => Promise<CreatedKey>;
  readonly ask: (path: string, secret?: string, init?: RequestInit) => Promise<Response>;
  readonly generate: (
    secret: string,
    body?: object,
    headers?: Record<string, string>,
  ) => Promise<Response>;
  readonly url: () => string | undefined;
  readonly keys: () => KeyStore | undefined;
}

export function keyUseTests(f: Fixture, { make, ask, generate, keys }: KeyFixture): void {
  test('requests a minute: told with every answer, and 429 with Retry-After when used up', async () => {
    const { secret } = await make('limited', { limits: { requests_per_minute: 3 } });
    const answers: Response[] = [];
    for (let i = 0; i < 5; i++) answers.push(await ask('/v1/models', secret));
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200, 200, 429, 429],
    );
    const [first, , , refused] = answers;
    assert.equal(first?.headers.get('ratelimit-policy'), '"requests";q=3;w=60');
    assert.match(first?.headers.get('ratelimit') ?? '', /^"requests";r=2;t=(19|20)$/);
    const [, seconds] =
      /^"requests";r=0;t=(\d+)$/.exec(refused?.headers.get('ratelimit') ?? '') ?? [];
    assert.ok(Number(seconds) > 0 && Number(seconds) <= 20, seconds);
    assert.equal(refused?.headers.get('retry-after'), seconds);
    const problem = await problemOf(refused ?? assert.fail(), 'quota_exceeded');
    assert.match(problem.type, /#quota-exceeded$/);
    const { secret: another } = await make('limited');
    assert.equal((await ask('/v1/models', another)).status, 200, 'the bound is that of a key');
  });

  test('units a minute, of all keys of a tenant; what is stored costs none', async () => {
    await keys()?.changeTenant('metered', (before) => ({
      ...before,
      limits: { units_per_minute: 1 },
    }));
    const [one, other] = [await make('metered'), await make('metered')];
    const body = () => ({ ...DEPTH, inputs: { caption: crypto.randomUUID() } });
    const first = body();
    const answered = await generate(one.secret, first);
    assert.equal(answered.status, 200);
    assert.match(answered.headers.get('ratelimit') ?? '', /^"tenant-units";r=0;t=\d+$/);
    const refused = await generate(other.secret, body());
    await problemOf(refused, 'quota_exceeded');
    assert.ok(Number(refused.headers.get('retry-after')) > 0);
    assert.equal((await generate(other.secret, first)).status, 200, 'a stored result');
    const dry = await generate(other.secret, { ...body(), dry_run: true });
    assert.equal(dry.status, 200, 'a dry run');
  });

  test('limits are told with every answer to a key that has some; Retry-After is not before what they tell', async () => {
    const limits = { requests_per_minute: 40, units_per_minute: 10_000, concurrent_jobs: 1 };
    const { secret } = await make('told', { limits });
    const fresh = () => ({ ...DEPTH, inputs: { caption: crypto.randomUUID() } });
    const stored = fresh();
    const etag = (await generate(secret, stored)).headers.get('etag') ?? '';
    const narrow = await make('told', { limits, scopes: ['models'] });
    const store = f.shared ?? assert.fail('there is no store');
    await store.put('job-inputs/told/made-by-a-test/x.json', new Uint8Array([1]));
    const failing = async () => {
      f.worker.failure = { code: 'overloaded', detail: 'full', retryAfterSeconds: 1 };
      try {
        return await generate(secret, fresh());
      } finally {
        f.worker.failure = undefined;
      }
    };
    const asked: [number, () => Promise<Response>][] = [
      [200, () => generate(secret, stored)],
      [200, () => generate(secret, fresh(), { accept: 'text/event-stream' })],
      [304, () => generate(secret, stored, { 'if-none-match': etag })],
      [400, () => generate(secret, { targets: [] })],
      [400, () => generate(secret, fresh(), { 'idempotency-key': '"' })],
      [403, () => generate(narrow.secret, stored)],
      [404, () => ask('/v1/jobs/job_nonsense', secret)],
      [406, () => generate(secret, fresh(), { accept: 'image/webp' })],
      [415, () => generate(secret, fresh(), { 'content-type': 'text/csv' })],
      [429, () => generate(secret, fresh(), { prefer: 'respond-async' })],
      [503, failing],
      [504, () => generate(secret, fresh(), { 'cache-control': 'only-if-cached' })],
    ];
    try {
      for (const [status, send] of asked) {
        const { status: answered, headers } = await send();
        assert.equal(answered, status);
        const policies = headers.get('ratelimit-policy') ?? '';
        assert.match(policies, /^"requests";q=40;w=60, "units";q=10000;w=60(, "jobs";q=1)?$/);
        const told = headers.get('ratelimit') ?? '';
        assert.match(told, /^"requests";r=\d+(;t=\d+)?, "units";r=\d+(;t=\d+)?/, String(status));
        assert.equal(/"jobs";r=0;t=\d+/.test(told), status === 429);
        assert.ok(headers.get('vary')?.includes('authorization'), 'a cache tells keys apart');
        assert.equal(headers.has('retry-after'), status === 429 || status === 503);
        const seconds = Number(headers.get('retry-after') ?? Number.POSITIVE_INFINITY);
        for (const [, t] of told.matchAll(/;t=(\d+)/g)) assert.ok(Number(t) <= seconds, told);
      }
    } finally {
      await store.delete('job-inputs/told/made-by-a-test/x.json');
    }
    const refused = await ask('/v1/models', 'nonsense');
    assert.equal(refused.headers.get('ratelimit'), null, 'nobody is known');
  });

  test('a body beyond what the key allows is refused, announced or not', async () => {
    const { secret } = await make('small', { limits: { body_bytes: 200 } });
    assert.equal((await generate(secret)).status, 200);
    const large = { ...DEPTH, inputs: { caption: 'x'.repeat(300) } };
    await problemOf(await generate(secret, large), 'too_large');
    const pieces = new Response(JSON.stringify(large)).body;
    const init = { method: 'POST', body: pieces, duplex: 'half' } as RequestInit;
    await problemOf(await ask('/v1/generate', secret, init), 'too_large');
  });

  test('jobs that have not ended are bounded', async () => {
    const { secret } = await make('patient', { limits: { concurrent_jobs: 1 } });
    const body = () => ({ ...DEPTH, inputs: { caption: crypto.randomUUID() } });
    const store = f.shared ?? assert.fail('there is no store');
    // Of a job that nobody has begun.
    await store.put('job-inputs/patient/made-by-a-test/x.json', new Uint8Array([1]));
    try {
      const refused = await generate(secret, body(), { prefer: 'respond-async' });
      await problemOf(refused, 'quota_exceeded');
      assert.ok(Number(refused.headers.get('retry-after')) > 0);
    } finally {
      await store.delete('job-inputs/patient/made-by-a-test/x.json');
    }
    assert.equal((await generate(secret, body(), { prefer: 'respond-async' })).status, 202);
  });

  test('a result is deleted by its own tenant, and by no other', async () => {
    const [one, other] = [await make('one'), await make('other')];
    const body = { ...DEPTH, inputs: { caption: crypto.randomUUID() } };
    const id = (await generate(one.secret, body)).headers.get('x-4m-result') ?? '';
    const remove = (secret: string, of = id) =>
      ask(`/v1/results/${of}`, secret, { method: 'DELETE' });
    await problemOf(await remove(other.secret), 'unknown_result');
    await problemOf(await remove(one.secret, 'nonsense'), 'unknown_result');
    assert.match((await generate(one.secret, body)).headers.get('cache-status') ?? '', /hit/);
    assert.deepEqual(await (await remove(one.secret)).json(), { deleted: true });
    await problemOf(await remove(one.secret), 'unknown_result');
    assert.match((await generate(one.secret, body)).headers.get('cache-status') ?? '', /miss/);
  });
}
