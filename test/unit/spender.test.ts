/** An edge that ends while its store is out of order: it tries for a while, and what it leaves comes back later. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { balanceOf, grant, outstandingOf } from '../../shared/credit/account.ts';
import { createAccountStore } from '../../shared/credit/accountStore.ts';
import { createClaims } from '../../shared/credit/claims.ts';
import { createLedger } from '../../shared/credit/ledger.ts';
import { reclaim } from '../../shared/credit/settle.ts';
import { createSpender } from '../../shared/credit/spender.ts';
import { createMemoryStore } from '../../shared/store/memory.ts';

/** Of each tenant 1000 are granted, 10 of them charged and 20 held by work that is under way. */
async function closed(t: TestContext, faults: number) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const inner = createMemoryStore();
  let now = 1_700_000_000_000;
  let left = 0;
  const servicesOn = (store: typeof inner) => ({
    accounts: createAccountStore(store, { pause: async () => {} }),
    ledger: createLedger(store),
    claims: createClaims(store),
    jobs: { read: async () => undefined },
    now: () => now,
  });
  const whole = servicesOn(inner);
  const trouble: unknown[] = [];
  const failing = async () => {
    if (left-- > 0) throw new Error('500');
  };
  const store = {
    ...inner,
    put: async (...given: Parameters<typeof inner.put>) =>
      await failing().then(() => inner.put(...given)),
    list: async (...given: Parameters<typeof inner.list>) =>
      await failing().then(() => inner.list(...given)),
  };
  const spender = createSpender(servicesOn(store), {
    holder: 'edge',
    onTrouble: (error) => void trouble.push(error),
  });
  const tenants = ['a', 'b'];
  for (const tenant of tenants) {
    await whole.accounts.change(tenant, (account) => grant(account, { id: 'g', amount: 1000 }));
    const hold = await spender.hold(tenant, 30);
    const charge = { key: 'k', task: 'generate', model: 'm', units: 1, request: 'r', cached: true };
    void hold.commit({ ...charge, id: `of-${tenant}`, at: now, amount: 10 }).catch(() => {});
  }
  left = faults;
  let isClosed = false;
  const closing = spender.close().then(() => {
    isClosed = true;
  });
  let waited = 0;
  for (; !isClosed && waited < 60_000; waited += 50) {
    for (let turns = 0; turns < 20; turns++) await new Promise((resolve) => setImmediate(resolve));
    if (!isClosed) t.mock.timers.tick(50);
  }
  assert.ok(isClosed, 'it is not waited for for ever');
  await closing;
  left = 0;
  const accounts = () => Promise.all(tenants.map((tenant) => whole.accounts.read(tenant)));
  return {
    waited,
    trouble,
    accounts,
    async later() {
      now += 60_000;
      for (const tenant of tenants) await reclaim(whole, tenant);
      return await accounts();
    },
  };
}

test('leases go back when the store fails at first', async (t) => {
  const { accounts, trouble } = await closed(t, 7);
  assert.ok(trouble.length > 0);
  for (const account of await accounts())
    assert.deepEqual([balanceOf(account), account.spent, account.leases], [990, 10, []]);
});

test('a store that stays out of order is left after some seconds, and leases run out by themselves', async (t) => {
  const { waited, accounts, later } = await closed(t, Number.POSITIVE_INFINITY);
  assert.ok(waited > 3000 && waited < 10_000, `${waited} ms`);
  for (const account of await accounts()) assert.ok(outstandingOf(account) > 0);
  // A charge that was never written is lost with its edge; nothing is charged that was not.
  for (const account of await later())
    assert.deepEqual([balanceOf(account), account.spent, account.leases], [1000, 0, []]);
});
