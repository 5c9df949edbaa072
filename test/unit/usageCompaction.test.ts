/** Charges summed up by day, while whoever sums up is killed at any of its writes: each counts once at every moment. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { emptyAccount, grant, openLease } from '../../shared/credit/account.ts';
import { createAccountStore } from '../../shared/credit/accountStore.ts';
import { createClaims } from '../../shared/credit/claims.ts';
import { compact, cover } from '../../shared/credit/compact.ts';
import { createDays } from '../../shared/credit/days.ts';
import { type Charge, createLedger, dayOf, LEASE_IDS } from '../../shared/credit/ledger.ts';
import { reclaim, settle } from '../../shared/credit/settle.ts';
import { standingOf } from '../../shared/credit/standing.ts';
import { type Decided, usageOn } from '../../shared/credit/usage.ts';
import type { JobDocument } from '../../shared/jobs/job.ts';
import { createMemoryStore } from '../../shared/store/memory.ts';
import type { Store } from '../../shared/store/store.ts';

const TENANT = 'acme';
const START = Date.parse('2026-03-01T23:59:00Z');
const DAYS = ['2026-03-01', '2026-03-02'];

const charge = (id: string, at: number, amount: number, more: Partial<Charge> = {}): Charge => ({
  ...{ id, at, key: 'key_1', task: 'generate', model: 'm', units: amount, amount, request: 'r' },
  ...more,
});

async function filled() {
  const store = createMemoryStore();
  let now = START;
  const jobs = new Map<string, JobDocument['status']>();
  const servicesOn = (over: Store) => ({
    store: over,
    accounts: createAccountStore(over, { pause: async () => {} }),
    ledger: createLedger(over),
    claims: createClaims(over),
    days: createDays(over),
    jobs: {
      read: async ({ id }: { id: string }) => {
        const status = jobs.get(id);
        return status && ({ status } as JobDocument);
      },
    },
    now: () => now,
  });
  const services = servicesOn(store);
  await services.accounts.change(TENANT, (account) => grant(account, { id: 'g', amount: 10_000 }));
  const lease = async (at: number, records: readonly Charge[][], isOpen = false) => {
    const id = LEASE_IDS.create(at);
    const place = { tenant: TENANT, lease: id };
    await services.accounts.change(TENANT, (account) =>
      openLease(account, { id, holder: 'e', amount: 1000, until: at + 30_000 }),
    );
    for (const [index, charges] of records.entries()) {
      const isLast = index === records.length - 1 && !isOpen;
      const end = isLast ? ({ end: true } as const) : {};
      const record = { format: 1, writer: `${id}${index}`, ...end, charges } as const;
      await services.ledger.append(place, index + 1, { ...record, charges: [...charges] });
    }
    if (!isOpen) await settle(services, place);
  };
  const once = { group: 'work', member: '1' };
  await lease(START, [
    [charge('a', START, 1), charge('b', START + 90_000, 2, { cached: true })],
    [charge('once', START, 4, { once })],
  ]);
  await lease(START + 1000, [[charge('once', START + 1000, 4, { once }), charge('c', START, 8)]]);
  jobs.set('good', 'succeeded').set('bad', 'failed').set('slow', 'processing');
  await lease(START + 2000, [
    [charge('good', START, 16, { job: 'good' }), charge('bad', START, 32, { job: 'bad' })],
    [charge('slow', START, 64, { job: 'slow' })],
  ]);
  await lease(START + 3000, [[charge('d', START, 128)]], true);
  return {
    store,
    services,
    servicesOn,
    jobs,
    later: (milliseconds: number) => {
      now += milliseconds;
    },
  };
}

/** The first day's sums with the job that has not ended, which counts as charged, and the second's. */
const EXPECTED = [
  { day: DAYS[0], requests: 7, cached: 0, amount: 1 + 4 + 8 + 16 + 64 + 128, returned: 32 },
  { day: DAYS[1], requests: 1, cached: 1, amount: 2, returned: 0 },
];

/** What usage has charged on all days, and the account besides: at any moment they say the same. */
async function agree(services: Awaited<ReturnType<typeof filled>>['services']) {
  const { granted, balance, held, charged } = await standingOf(services, TENANT);
  const rows = await usageOn(services, TENANT, DAYS);
  assert.equal(
    charged,
    rows.reduce((sum, { amount }) => sum + amount, 0),
  );
  assert.equal(balance + held + charged, granted);
  return { balance, held, charged };
}

const told = async (services: Awaited<ReturnType<typeof filled>>['services']) =>
  (await usageOn(services, TENANT, DAYS)).map(({ day, requests, cached, amount, returned }) => ({
    ...{ day, requests, cached, amount, returned },
  }));

test('usage is the same before, while and after it is summed up', async () => {
  const { services, jobs, later, store } = await filled();
  assert.deepEqual(await told(services), EXPECTED);
  const account = await services.accounts.read(TENANT);
  assert.equal(account.spent + account.leases.reduce((sum, { used }) => sum + used, 0), 31 + 0);
  // The lease that is open holds its 1000 without the 128 that are charged of it; what a job holds is charged.
  assert.deepEqual(await agree(services), { balance: 8905, held: 872, charged: 223 });
  await compact(services, TENANT);
  assert.deepEqual(await told(services), EXPECTED);
  later(2 * 3_600_000);
  const { deleted } = await compact(services, TENANT);
  assert.ok(deleted > 0);
  assert.deepEqual(await told(services), EXPECTED);
  jobs.set('slow', 'canceled');
  const ended = await compact(services, TENANT);
  assert.equal(ended.charges, 1);
  const [first] = await told(services);
  assert.deepEqual([first?.amount, first?.returned], [157, 96]);
  // What came back is held until its lease is settled.
  assert.deepEqual(await agree(services), { balance: 8905, held: 936, charged: 159 });
  await reclaim(services, TENANT);
  assert.deepEqual(await agree(services), { balance: 9841, held: 0, charged: 159 });
  later(5 * 86_400_000);
  for (const day of DAYS) await cover(services, TENANT, day);
  assert.equal((await store.list('usage-days/acme/2026-03-01/')).keys.length, 1);
  assert.deepEqual((await told(services))[0], first);
});

test('a kill at any write of summing up changes nothing, and what is told is told at least once', async () => {
  for (let survives = 0; ; survives++) {
    const { services, servicesOn, store, later } = await filled();
    later(2 * 3_600_000);
    const events = new Set<string>();
    let left = survives;
    let isKilled = false;
    const dying: Store = {
      ...store,
      async put(...given) {
        if (left-- <= 0) {
          isKilled = true;
          throw new Error('killed');
        }
        return await store.put(...given);
      },
      async delete(key) {
        if (left-- <= 0) {
          isKilled = true;
          throw new Error('killed');
        }
        await store.delete(key);
      },
    };
    const tell = async (_: string, decided: readonly Decided[]): Promise<void> => {
      for (const { charge: one } of decided) events.add(one.id);
    };
    await compact({ ...servicesOn(dying), tell }, TENANT).catch(() => undefined);
    assert.deepEqual(await told(services), EXPECTED, `killed after ${survives} writes`);
    // Two at once, as two workers would.
    await Promise.all([
      compact({ ...services, tell }, TENANT),
      compact({ ...services, tell }, TENANT),
    ]);
    assert.deepEqual(await told(services), EXPECTED);
    assert.deepEqual([...events].sort(), ['a', 'b', 'bad', 'c', 'd', 'good', 'once']);
    if (!isKilled) break;
  }
});

test('a day with many sums becomes few before it is over, and a month is read at once', async () => {
  const { services, store, later } = await filled();
  const [day = ''] = DAYS;
  for (let number = 1; number <= 40; number++) {
    const row = { day, key: 'k', task: 't', model: 'm', requests: 1, cached: 0, units: 1 };
    const rows = [{ ...row, amount: 3, returned: 0 }];
    assert.ok(await services.days.add(TENANT, day, number, { format: 1, records: [], rows }));
  }
  const before = await told(services);
  await cover(services, TENANT, day);
  assert.equal((await store.list(`usage-days/${TENANT}/${day}/`)).keys.length, 1);
  assert.deepEqual(await told(services), before);
  await compact(services, TENANT);
  await cover(services, TENANT, day);
  assert.ok((await store.list(`usage-days/${TENANT}/${day}/`)).keys.length > 1, 'few are left');
  assert.deepEqual(await told(services), before);
  later(40 * 86_400_000);
  let [calls, most, under] = [0, 0, 0];
  const slow = async <T>(work: () => Promise<T>): Promise<T> => {
    calls++;
    most = Math.max(most, ++under);
    await new Promise((resolve) => setImmediate(resolve));
    under--;
    return await work();
  };
  const watched = createDays({
    ...store,
    look: (key) => slow(() => store.look(key)),
    list: (...given) => slow(() => store.list(...given)),
  });
  const month = Array.from({ length: 30 }, (_, n) => dayOf(Date.parse(day) + n * 86_400_000));
  for (const [n, own] of month.slice(2).entries())
    await services.days.add(TENANT, own, 1, { format: 1, records: [`r${n}`], rows: [] });
  const sums = await watched.readAll(TENANT, month);
  assert.deepEqual([...sums.keys()], month);
  assert.equal(sums.get(month[29] ?? '')?.records.size, 1);
  assert.ok(calls < 40 && most > 8 && most <= 16, `${calls} calls, ${most} at once`);
});

test('an account as it is begins empty, and days are those of UTC', () => {
  assert.equal(emptyAccount('x').granted, 0);
  assert.equal(dayOf(START), '2026-03-01');
});
