/** What requests cost: prices told before, credit held, charged once, and given back. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { creditCommand } from '../../infra/keys/credit.ts';
import { signLine } from '../../shared/api/lineHeaders.ts';
import { usageResponseSchema } from '../../shared/api/usage.ts';
import { balanceOf } from '../../shared/credit/account.ts';
import { createAccountStore } from '../../shared/credit/accountStore.ts';
import { type Charge, dayOf } from '../../shared/credit/ledger.ts';
import { usageOn } from '../../shared/credit/usage.ts';
import { keysUnder } from '../../shared/documents/revisions.ts';
import { createKeyStore } from '../../shared/keys/keyStore.ts';
import { creditServices } from '../../worker/credit/sweep.ts';
import { SECRET } from '../support/fakeWorker.ts';
import { problemOf } from './errors.ts';
import { payerTests } from './payers.ts';
import type { Edge, Fixture } from './suite.ts';

/** Each unit costs 10 millionths, and a stored result a tenth of its price. */
const PRICES = { currency: 'EUR', per_unit: 10, cached_share: 0.1, free: ['detokenize'] };

const DEPTH = { inputs: { caption: 'a réd sphere' }, targets: ['depth'] };

export function moneyTests(
  f: Fixture,
  start: (env: Record<string, string>) => Promise<Edge>,
  hasShared: boolean,
): void {
  describe('money', { skip: !hasShared }, () => {
    let edge: Edge | undefined;
    before(async () => {
      edge = await start({ FOURM_AUTH: 'keys', FOURM_PRICES: JSON.stringify(PRICES) });
    });
    after(async () => await edge?.close());

    const store = () => f.shared ?? assert.fail();
    async function tenantWith(credit: string) {
      const tenant = `money-${crypto.randomUUID().slice(0, 8)}`;
      const accounts = createAccountStore(store());
      if (credit !== '+0')
        await creditCommand({ store: store(), accounts }, tenant, { text: credit }, Date.now());
      const { secret } = await createKeyStore(store()).create({
        ...{ tenant, name: '', scopes: ['*'], limits: {}, created: Date.now() },
      });
      const ask = (path: string, body: object, headers: Record<string, string> = {}) =>
        fetch(`${edge?.url}${path}`, {
          method: 'POST',
          headers: {
            'content-type': 'application/json',
            authorization: `Bearer ${secret}`,
            ...headers,
          },
          body: JSON.stringify(body),
        });
      /** Charges in the store, once there are so many. */
      async function charges(count: number): Promise<Charge[]> {
        for (let tries = 0; ; tries++) {
          const found: Charge[] = [];
          for await (const key of keysUnder(store(), `usage/${tenant}/`)) {
            const { body } = (await store().get(key)) ?? assert.fail();
            found.push(...JSON.parse(new TextDecoder().decode(body)).charges);
          }
          if (found.length >= count || tries === 1200) {
            assert.equal(found.length, count, JSON.stringify(found));
            return found.sort((a, b) => a.at - b.at);
          }
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
      }
      const generate = (body: object = DEPTH, headers: Record<string, string> = {}) =>
        ask('/v1/generate', body, headers);
      const get = (path: string, accept = 'application/json', method = 'GET') =>
        fetch(`${edge?.url}${path}`, {
          method,
          headers: { authorization: `Bearer ${secret}`, accept },
        });
      return { tenant, secret, ask, get, generate, charges, accounts };
    }

    payerTests(f, { perUnit: PRICES.per_unit, url: () => edge?.url ?? '', tenantWith });

    test('the price is told before, charged once, and a stored result costs its share', async () => {
      const { generate, charges, accounts, tenant } = await tenantWith('+1');
      const dry = (await (await generate({ ...DEPTH, dry_run: true })).json()) as {
        usage: { units: number; price: number; currency: string };
      };
      const { units, price } = dry.usage;
      assert.ok(units > 0);
      assert.deepEqual([price, dry.usage.currency], [units * 10, 'EUR']);
      const first = await generate();
      assert.equal(first.headers.get('x-4m-charged'), `${price};currency=EUR`);
      const answer = (await first.json()) as typeof dry;
      assert.equal(answer.usage.price, price);
      const again = await generate();
      assert.equal(again.headers.get('cache-status'), 'fourm-edge; hit');
      const share = Math.ceil(price / 10);
      assert.equal(again.headers.get('x-4m-charged'), `${share};currency=EUR`);
      assert.deepEqual(await again.json(), answer);
      const known = await generate(DEPTH, { 'if-none-match': again.headers.get('etag') ?? '' });
      assert.equal(known.status, 304);
      assert.equal(known.headers.get('x-4m-charged'), null);
      const found = await charges(2);
      assert.deepEqual(
        found.map(({ amount, cached = false, task }) => [amount, cached, task]),
        [
          [price, false, 'generate'],
          [share, true, 'generate'],
        ],
      );
      const account = await accounts.read(tenant);
      assert.equal(account.granted, 1_000_000);
      assert.ok(balanceOf(account) < 1_000_000);
    });

    test('402 with price and balance where the credit does not cover it, and nothing is done', async () => {
      const { generate, ask } = await tenantWith('+0.000001');
      const asked = f.worker.asked.length;
      const body = { ...DEPTH, inputs: { caption: crypto.randomUUID() } };
      const refused = await generate(body);
      assert.equal(refused.status, 402);
      const problem = (await problemOf(refused, 'payment_required')) as {
        price?: number;
        balance?: number;
        currency?: string;
      };
      assert.ok((problem.price ?? 0) > 1);
      assert.deepEqual([problem.balance, problem.currency], [1, 'EUR']);
      assert.equal(f.worker.asked.length, asked);
      const free = await ask('/v1/detokenize', {
        tokens: { depth: { tokens: Array(16).fill(1) } },
      });
      assert.equal(free.status, 200, await free.clone().text());
      assert.equal(free.headers.get('x-4m-charged'), '0;currency=EUR');
      await problemOf(await ask('/v1/tokenize', { inputs: { caption: 'x' } }), 'payment_required');
    });

    test('work that fails costs nothing', async () => {
      const { generate, charges } = await tenantWith('+1');
      const body = { ...DEPTH, inputs: { caption: crypto.randomUUID() } };
      f.worker.failure = { code: 'internal', detail: 'it broke' };
      const failed = await generate(body);
      f.worker.failure = undefined;
      assert.ok(failed.status >= 500);
      assert.equal(failed.headers.get('x-4m-charged'), null);
      assert.equal((await generate(body)).status, 200);
      assert.equal((await charges(1))[0]?.cached, undefined);
    });

    test('an Idempotency-Key is charged once, and its replay not at all', async () => {
      const { generate, charges } = await tenantWith('+1');
      const headers = { 'idempotency-key': crypto.randomUUID() };
      const body = { ...DEPTH, inputs: { caption: crypto.randomUUID() } };
      assert.equal((await generate(body, headers)).status, 200);
      const replayed = await generate(body, headers);
      assert.equal(replayed.headers.get('idempotent-replayed'), 'true');
      assert.equal(replayed.headers.get('x-4m-charged'), null);
      assert.equal((await charges(1))[0]?.once?.member, '1');
    });

    test('a line of a batch is charged once, however often it is asked for', async () => {
      const { tenant, charges } = await tenantWith('+1');
      const line = { batch: 'batch_1', number: 1, key: 'key_1' };
      const body = new TextEncoder().encode(
        JSON.stringify({ ...DEPTH, inputs: { caption: crypto.randomUUID() } }),
      );
      for (let times = 0; times < 2; times++) {
        const signed = await signLine(
          SECRET,
          '/v1/generate',
          tenant,
          body,
          Date.now() / 1000,
          line,
        );
        const headers = { 'content-type': 'application/json', ...signed };
        const answer = await fetch(`${edge?.url}/v1/generate`, { method: 'POST', headers, body });
        assert.equal(answer.status, 200, await answer.text());
        const forged = { ...headers, 'x-4m-line': 'batch_2 1 key_1' };
        const refused = { method: 'POST', headers: forged, body };
        await problemOf(await fetch(`${edge?.url}/v1/generate`, refused), 'unauthorized');
      }
      const found = await charges(2);
      assert.deepEqual(
        found.map(({ key, once }) => [key, once?.group, once?.member]),
        [1, 2].map(() => ['key_1', 'batch_1/0', '1']),
      );
      // Of the two the first counts.
      const services = creditServices(store());
      const [first] = found;
      const days = [dayOf(first?.at ?? 0)];
      const rows = await usageOn(services, tenant, days);
      assert.deepEqual(
        rows.map(({ requests, amount }) => [requests, amount]),
        [[1, first?.amount]],
      );
    });

    test('a job is charged when it is accepted, and gives back what it cost when it does not succeed', async () => {
      const { generate, get, charges } = await tenantWith('+1');
      const body = { ...DEPTH, inputs: { caption: crypto.randomUUID() } };
      let open = () => {};
      f.worker.gate = new Promise((resolve) => {
        open = resolve;
      });
      const accepted = await generate(body, { prefer: 'respond-async' });
      assert.equal(accepted.status, 202);
      const { id } = (await accepted.json()) as { id: string };
      const [charge] = await charges(1);
      assert.equal(charge?.job, id);
      assert.equal(accepted.headers.get('x-4m-charged'), `${charge?.amount};currency=EUR`);
      const usage = async () => usageResponseSchema.parse(await (await get('/v1/usage')).json());
      assert.equal((await usage()).total.amount, charge?.amount);
      await get(`/v1/jobs/${id}`, 'application/json', 'DELETE');
      open();
      f.worker.gate = undefined;
      const { total } = await usage();
      assert.deepEqual([total.amount, total.returned], [0, charge?.amount]);
    });

    test('jobs that are asked for at once are all charged, whoever of them writes the charges', async () => {
      const { generate, charges } = await tenantWith('+10');
      const fresh = () => ({ ...DEPTH, inputs: { caption: crypto.randomUUID() } });
      // The first has the credit leased that the others spend.
      assert.equal((await generate(fresh())).status, 200);
      const asked = Array.from({ length: 24 }, () =>
        generate(fresh(), { prefer: 'respond-async' }),
      );
      const answers = await Promise.all(asked);
      assert.deepEqual(
        answers.map(({ status }) => status),
        asked.map(() => 202),
      );
      const ids = await Promise.all(
        answers.map(async (answer) => ((await answer.json()) as { id: string }).id),
      );
      const charged = (await charges(25)).map(({ job }) => job).filter((job) => job !== undefined);
      assert.deepEqual(charged.toSorted(), ids.toSorted());
    });

    test('usage: sums by group, as JSON and as a table, of the own tenant alone', async () => {
      const { generate, ask, get } = await tenantWith('+1');
      const body = { ...DEPTH, inputs: { caption: crypto.randomUUID() } };
      for (let times = 0; times < 3; times++) assert.equal((await generate(body)).status, 200);
      await ask('/v1/tokenize', { inputs: { caption: 'x' } });
      const answer = await get('/v1/usage?group_by=task,day');
      assert.equal(answer.status, 200, await answer.clone().text());
      const usage = usageResponseSchema.parse(await answer.json());
      assert.deepEqual(usage.group_by, ['task', 'day']);
      const [generated, tokenized] = usage.rows;
      assert.deepEqual(
        usage.rows.map(({ task, requests, cached }) => [task, requests, cached]),
        [
          ['generate', 3, 2],
          ['tokenize', 1, 0],
        ],
      );
      const sum = (generated?.amount ?? 0) + (tokenized?.amount ?? 0);
      assert.equal(usage.total.amount, sum);
      assert.deepEqual([usage.granted, usage.charged], [1_000_000, usage.total.amount]);
      assert.equal(usage.balance + usage.held + usage.charged, usage.granted);
      const table = await get('/v1/usage?group_by=task', 'text/csv');
      assert.match(table.headers.get('content-type') ?? '', /^text\/csv/);
      const lines = (await table.text()).split('\r\n');
      assert.deepEqual(lines[0], 'task,requests,cached,units,amount,returned');
      assert.match(lines[1] ?? '', /^generate,3,2,\d+,\d+,0$/);
      const other = await tenantWith('+1');
      const empty = usageResponseSchema.parse(await (await other.get('/v1/usage')).json());
      assert.deepEqual([empty.rows, empty.balance], [[], 1_000_000]);
      for (const query of ['from=2026-13-01', 'from=2020-01-01', 'group_by=colour', 'to=x'])
        await problemOf(await get(`/v1/usage?${query}`), 'invalid_request');
    });
  });
}
