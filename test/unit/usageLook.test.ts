/** What it takes to tell a tenant's usage, in calls of the store and in round trips to it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { grant, openLease } from '../../shared/credit/account.ts';
import { createAccountStore } from '../../shared/credit/accountStore.ts';
import { createClaims } from '../../shared/credit/claims.ts';
import { createDays } from '../../shared/credit/days.ts';
import { type Charge, createLedger, dayOf, LEASE_IDS } from '../../shared/credit/ledger.ts';
import { createUsageLook } from '../../shared/credit/look.ts';
import { createDoneJob } from '../../shared/jobs/job.ts';
import { createJobStore } from '../../shared/jobs/jobStore.ts';
import { createMemoryStore } from '../../shared/store/memory.ts';
import { describedJob } from '../support/describedJob.ts';
import { countRoundTrips } from '../support/roundTrips.ts';

const TENANT = 'acme';
const NOW = Date.parse('2026-03-30T12:00:00Z');
const MONTH = Array.from({ length: 30 }, (_, n) => dayOf(NOW - (29 - n) * 86_400_000));
const SUMS_TODAY = 20;
const RECORDS = 120;
const JOBS = 30;

/** A month of an edge: days that are summed up, and a minute that is not: requests of clients that name each, and jobs. */
async function month() {
  const { store, count } = countRoundTrips(createMemoryStore());
  const services = {
    store,
    accounts: createAccountStore(store, { pause: async () => {} }),
    ledger: createLedger(store),
    claims: createClaims(store),
    days: createDays(store),
    jobs: createJobStore(store),
    now: () => NOW,
  };
  const lease = { id: LEASE_IDS.create(NOW - 60_000), holder: 'e', amount: 10_000, until: NOW };
  await services.accounts.change(TENANT, (account) => grant(account, { id: 'g', amount: 50_000 }));
  await services.accounts.change(TENANT, (account) => openLease(account, lease));
  for (const [n, day] of MONTH.entries()) {
    const row = { day, key: 'k', task: 't', model: 'm', requests: 1, cached: 0, units: 1 };
    for (let number = 1; number <= (n === 29 ? SUMS_TODAY : 1); number++) {
      const rows = [{ ...row, amount: 1, returned: 0 }];
      await services.days.add(TENANT, day, number, { format: 1, records: [], rows });
    }
  }
  const charge = (id: string): Charge => ({
    ...{ id, at: NOW - 1000, key: 'k', task: 't', model: 'm', units: 1, amount: 10, request: id },
  });
  let number = 0;
  const add = async (more: Partial<Charge>): Promise<void> => {
    number++;
    const charges = [{ ...charge(String(number)), ...more }];
    const place = { tenant: TENANT, lease: lease.id };
    await services.ledger.append(place, number, { format: 1, writer: String(number), charges });
  };
  for (let n = 0; n < RECORDS; n++) await add({ once: { group: `work-${n}`, member: '1' } });
  // The same work again, which counts once.
  await add({ once: { group: 'work-0', member: '1' } });
  for (let n = 0; n < JOBS; n++) {
    const job = createDoneJob(describedJob({ tenant: TENANT }), NOW);
    await services.jobs.create(job);
    await add({ job: job.id });
  }
  return { look: createUsageLook(services), count, add };
}

const AMOUNT = 29 + SUMS_TODAY + 10 * (RECORDS + JOBS);

test('a month is told in few round trips, and told again by what has come since', async () => {
  const { look, count, add } = await month();
  const amountOf = ({ rows }: Awaited<ReturnType<typeof look>>): number =>
    rows.reduce((sum, { amount }) => sum + amount, 0);
  const first = await count(() => look(TENANT, MONTH));
  assert.equal(amountOf(first.value), AMOUNT);
  assert.equal(first.value.standing.charged, 10 * (RECORDS + JOBS));
  // One claim behind the other would take three rounds each.
  assert.ok(first.rounds <= 50, `${first.rounds} rounds`);
  assert.ok(first.most <= 40, `${first.most} calls at once`);
  const again = await count(() => look(TENANT, MONTH));
  assert.deepEqual(again.value, first.value);
  // Records, sums, the account and the log of its lease are listed, and the account is read.
  assert.deepEqual([again.calls, again.rounds], [5, 3]);
  await add({ once: { group: 'work-1', member: '1' } });
  await add({});
  const later = await count(() => look(TENANT, MONTH));
  assert.equal(amountOf(later.value), AMOUNT + 10);
  // Besides, both records and the claim, which is listed and read.
  assert.ok(later.calls <= 5 + 2 + 4, `${later.calls} calls`);
});
