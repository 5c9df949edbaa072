/** A purse whose leases others have ended, since its edge was not heard of: its charges are taken from the next lease. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { balanceOf, grant } from '../../shared/credit/account.ts';
import { createAccountStore } from '../../shared/credit/accountStore.ts';
import { createClaims } from '../../shared/credit/claims.ts';
import { InsufficientCreditError } from '../../shared/credit/hold.ts';
import { type Charge, createLedger } from '../../shared/credit/ledger.ts';
import { createPurse } from '../../shared/credit/purse.ts';
import { reclaim } from '../../shared/credit/settle.ts';
import { createMemoryStore } from '../../shared/store/memory.ts';
import type { PlacedObject } from '../../shared/store/whole.ts';

const TENANT = 'acme';
/** Longer than a lease and what is left to its edge behind it. */
const LONG = 60_000;

async function world(granted: number) {
  const objects = new Map<string, PlacedObject>();
  const store = createMemoryStore(() => {}, objects);
  const inner = createLedger(store);
  let now = 1_700_000_000_000;
  /** Leases that are ended by others right before their next record. */
  let ending = 0;
  /** Records behind those that fail. */
  let faults = 0;
  const services = {
    accounts: createAccountStore(store, { pause: async () => {} }),
    claims: createClaims(store),
    jobs: { read: async () => undefined },
    now: () => now,
    ledger: {
      ...inner,
      async append(...[place, number, record]: Parameters<typeof inner.append>) {
        if (ending > 0) {
          ending--;
          await inner.end(place);
        } else if (faults > 0) {
          faults--;
          throw new Error('500');
        }
        return await inner.append(place, number, record);
      },
    },
  };
  await services.accounts.change(TENANT, (account) => grant(account, { id: 'g', amount: granted }));
  const lost: string[] = [];
  const purse = createPurse(services, TENANT, {
    holder: 'e',
    // Nobody comes by himself to write what is committed.
    gatherMilliseconds: 2 ** 30,
    onLost: ({ id }) => lost.push(id),
  });
  async function commit(id: string, amount: number) {
    const hold = await purse.hold(amount);
    const more = { task: 'generate', model: 'm', units: 1, cached: true, request: 'r' };
    const done = hold.commit({ ...{ id, at: now, key: 'k', amount }, ...more });
    return { done };
  }
  return {
    purse,
    lost,
    commit,
    services,
    endNext(count: number, thenFail = 0) {
      [ending, faults] = [count, thenFail];
    },
    async othersEndThem() {
      now += LONG;
      await reclaim({ ...services, ledger: inner }, TENANT);
    },
    /** As the bare objects say. */
    written: () =>
      [...objects]
        .filter(([key]) => key.startsWith(`usage/${TENANT}/`))
        .flatMap(([, { body }]) => JSON.parse(new TextDecoder().decode(body)).charges as Charge[])
        .map(({ id }) => id)
        .sort(),
    account: () => services.accounts.read(TENANT),
  };
}

for (const way of ['flush', 'tidy'] as const) {
  test(`${way} resolves when charges of a lease that others have ended are in the store`, async () => {
    const { purse, commit, othersEndThem, written, lost, account } = await world(100);
    const { done } = await commit('a', 5);
    await commit('b', 7);
    await othersEndThem();
    await (way === 'flush' ? purse.flush() : purse.tidy(true));
    assert.deepEqual(written(), ['a', 'b']);
    await done;
    assert.deepEqual(lost, []);
    await purse.tidy(true);
    assert.ok(purse.isEmpty());
    const { spent, leases } = await account();
    assert.deepEqual([spent, leases], [12, []]);
  });
}

test('the next lease may be ended as well, and several may flush at once: each charge is written once', async () => {
  const { purse, commit, endNext, written, lost, account } = await world(1000);
  for (let i = 0; i < 5; i++) await commit(`c${i}`, 10);
  endNext(3);
  await Promise.all([purse.flush(), purse.flush(), purse.tidy(true), purse.flush()]);
  assert.deepEqual(written(), ['c0', 'c1', 'c2', 'c3', 'c4']);
  await purse.tidy(true);
  assert.deepEqual(lost, []);
  assert.ok(purse.isEmpty());
  assert.equal((await account()).spent, 50);
});

test('a store that fails while a charge is carried over delays it, and does not lose it', async () => {
  const { purse, commit, endNext, written, lost } = await world(100);
  const { done } = await commit('a', 5);
  await commit('b', 6);
  endNext(1, 1);
  await assert.rejects(Promise.all([purse.flush(), done]), /500/);
  await assert.rejects(done, /500/);
  assert.deepEqual([written(), lost], [[], []]);
  await purse.flush();
  assert.deepEqual([written(), lost], [['a', 'b'], []]);
});

test('what the credit does not cover any more is told as lost, and nobody waits for it', async () => {
  const { purse, commit, othersEndThem, services, written, lost } = await world(10);
  const { done } = await commit('a', 8);
  await othersEndThem();
  // Another edge is faster.
  const other = createPurse(services, TENANT, { holder: 'other' });
  const hold = await other.hold(5);
  await assert.rejects(Promise.all([purse.flush(), done]), InsufficientCreditError);
  assert.deepEqual([written(), lost], [[], ['a']]);
  hold.release();
  await Promise.all([other.tidy(true), purse.tidy(true)]);
  assert.equal(balanceOf(await services.accounts.read(TENANT)), 10);
});
