/** What accounts, ledgers and claims must hold on every store. Run on all implementations by `credit.test.ts`. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  balanceOf,
  grant,
  openLease,
  outstandingOf,
  settleLease,
  spentOf,
} from '../../shared/credit/account.ts';
import { createAccountStore } from '../../shared/credit/accountStore.ts';
import { createClaims } from '../../shared/credit/claims.ts';
import {
  type Charge,
  createLedger,
  LEASE_IDS,
  type LedgerRecord,
  ledgerFolder,
} from '../../shared/credit/ledger.ts';
import type { Store } from '../../shared/store/store.ts';

export interface CreditCase {
  readonly name: string;
  readonly skip: string | undefined;
  /** A store of the same place, as another process would open it. */
  readonly open: () => Promise<Store>;
}

const chargeOf = (amount: number, id: string): Charge => ({
  ...{ id, at: 1_700_000_000_000, key: 'key_1', task: 'generate', model: 'demo' },
  ...{ units: amount, amount, request: `request-${id}` },
});
const recordOf = (writer: string, ...charges: Charge[]): LedgerRecord => ({
  ...{ format: 1, writer, currency: 'EUR', charges },
});

export function creditContract({ name, skip, open }: CreditCase): void {
  describe(`credit contract: ${name}`, { skip: skip ?? false }, () => {
    const freshTenant = (): string => `contract-${crypto.randomUUID().slice(0, 12)}`;
    const freshPlace = () => ({ tenant: freshTenant(), lease: LEASE_IDS.create(Date.now()) });
    const others = async (count: number): Promise<Store[]> =>
      await Promise.all(Array.from({ length: count }, open));

    it('a tenant that nobody has given anything has an empty account', async () => {
      const account = await createAccountStore(await open()).read(freshTenant());
      assert.deepEqual([account.revision, account.granted, account.leases], [0, 0, []]);
    });

    it('writers that change an account at once all change it, and one id of a grant counts once', async () => {
      const tenant = freshTenant();
      const stores = await others(6);
      await Promise.all(
        stores.flatMap((store, n) =>
          [`own-${n}`, 'common'].map((id) =>
            createAccountStore(store).change(tenant, (now) => grant(now, { id, amount: 10 })),
          ),
        ),
      );
      const account = await createAccountStore(await open()).read(tenant);
      assert.equal(account.granted, 70);
      assert.equal(account.revision, 7);
      assert.equal(new Set(account.grants).size, 7);
    });

    it('leases that are opened at once never hold more than was granted', async () => {
      const tenant = freshTenant();
      const first = createAccountStore(await open());
      await first.change(tenant, (now) => grant(now, { id: 'g', amount: 100 }));
      const leases = Array.from({ length: 6 }, (_, n) => `lease-${n}`);
      await Promise.all(
        (await others(6)).map((store, n) => {
          const lease = { id: leases[n] ?? '', holder: 'edge', amount: 30, until: 1 };
          return createAccountStore(store).change(tenant, (now) => openLease(now, lease));
        }),
      );
      const account = await first.read(tenant);
      assert.equal(account.leases.length, 3);
      assert.deepEqual([outstandingOf(account), balanceOf(account)], [90, 10]);
      // Settled by all at once, each lease is accounted for once.
      await Promise.all(
        (await others(3)).flatMap((store) =>
          account.leases.map(({ id }) =>
            createAccountStore(store).change(tenant, (now) =>
              settleLease(now, id, { used: 20, back: 10 }),
            ),
          ),
        ),
      );
      const settled = await first.read(tenant);
      assert.deepEqual(
        [settled.leases.length, spentOf(settled), balanceOf(settled), settled.granted],
        [0, 60, 40, 100],
      );
    });

    it('the newest of many revisions is read, and pruning leaves it', async () => {
      const tenant = freshTenant();
      const store = await open();
      const accounts = createAccountStore(store);
      const first = await accounts.change(tenant, (now) => grant(now, { id: 'g', amount: 1 }));
      const folder = `credit/${tenant}/`;
      // Written at once, since one behind the other takes long on S3. Numbers go down.
      const write = async (revision: number): Promise<void> => {
        const key = `${folder}${999_999_999_999 - revision}.json`;
        const account = { ...first, revision, granted: revision };
        await store.put(key, new TextEncoder().encode(JSON.stringify(account)));
      };
      await Promise.all(Array.from({ length: 203 }, (_, n) => write(n + 2)));
      const last = await accounts.change(tenant, (now) => grant(now, { id: 'h', amount: 1 }));
      assert.deepEqual([last.revision, last.granted], [205, 205]);
      await createAccountStore(await open()).prune(tenant);
      assert.deepEqual(await accounts.read(tenant), last);
      assert.equal((await store.list(folder)).keys.length, 200);
    });

    it('a newest revision that is damaged is an error, never an older revision', async () => {
      const tenant = freshTenant();
      const store = await open();
      const accounts = createAccountStore(store);
      for (const id of ['a', 'b'])
        await accounts.change(tenant, (now) => grant(now, { id, amount: 5 }));
      const [newest = assert.fail()] = (await store.list(`credit/${tenant}/`)).keys;
      await store.put(newest, new TextEncoder().encode('{"format": 1'));
      await assert.rejects(accounts.read(tenant), /revision 2 is damaged/);
    });

    it('a log has its records in order, and one that is written again is written once', async () => {
      const place = freshPlace();
      const ledger = createLedger(await open());
      const records = [1, 2, 3].map((n) => recordOf(`w${n}`, chargeOf(n, `c${n}`)));
      for (const [index, record] of records.entries())
        for (let times = 0; times < 2; times++)
          assert.equal(await ledger.append(place, index + 1, record), 'written');
      assert.deepEqual(await createLedger(await open()).read(place), records);
    });

    it('an edge and those who end its lease at once: all read the same records, nothing after the end', async () => {
      for (let times = 0; times < 5; times++) {
        const place = freshPlace();
        const [mine = assert.fail(), ...theirs] = await others(4);
        const ledger = createLedger(mine);
        assert.equal(await ledger.append(place, 1, recordOf('mine', chargeOf(1, 'c1'))), 'written');
        const [second] = await Promise.all([
          ledger.append(place, 2, recordOf('mine-2', chargeOf(2, 'c2'))),
          ...theirs.map((store) => createLedger(store).end(place)),
        ]);
        const found = await ledger.read(place);
        assert.deepEqual(
          found.map(({ end = false }) => end),
          found.map((_, index) => index === found.length - 1),
        );
        const charged = found.flatMap(({ charges }) => charges.map(({ id }) => id));
        assert.deepEqual(charged, second === 'written' ? ['c1', 'c2'] : ['c1']);
        const late = recordOf('late', chargeOf(4, 'c4'));
        assert.equal(await ledger.append(place, found.length, late), 'ended');
      }
    });

    it('a record that is damaged or missing is an error, since it may have been spent', async () => {
      const [damaged, missing] = [freshPlace(), freshPlace()];
      const store = await open();
      const ledger = createLedger(store);
      for (const place of [damaged, missing])
        for (const number of [1, 2])
          await ledger.append(place, number, recordOf(`w${number}`, chargeOf(1, 'c')));
      await store.put(`${ledgerFolder(damaged)}000001.json`, new TextEncoder().encode('no JSON'));
      await assert.rejects(ledger.read(damaged), /damaged/);
      await store.delete(`${ledgerFolder(missing)}000001.json`);
      await assert.rejects(ledger.read(missing), /missing/);
    });

    it('of those that claim the same work at once one has it, whoever asks and how often', async () => {
      const place = { tenant: freshTenant(), group: 'batch_1' };
      const owners = ['a', 'b', 'c', 'd'];
      const stores = await others(owners.length);
      const claimed = async () =>
        await Promise.all(
          owners.map((owner, n) =>
            createClaims(stores[n] ?? assert.fail()).claim(place, owner, [
              '1',
              '2',
              `own-${owner}`,
            ]),
          ),
        );
      const first = await claimed();
      for (const member of ['1', '2'])
        assert.equal(first.filter((own) => own.has(member)).length, 1, member);
      for (const [n, owner] of owners.entries()) assert.ok(first[n]?.has(`own-${owner}`));
      assert.deepEqual(await claimed(), first);
      const elsewhere = createClaims(await open());
      const other = { ...place, tenant: freshTenant() };
      assert.deepEqual(await elsewhere.claim(other, 'e', ['1']), new Set(['1']));
    });
  });
}
