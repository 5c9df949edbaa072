/** Leases that end: what was spent of them is summed up from their logs, and the rest comes back to the balance. */
import { type Account, settleLease } from './account.ts';
import type { AccountStore } from './accountStore.ts';
import { type FateServices, fatesOf } from './fate.ts';
import type { Ledger, LedgerPlace } from './ledger.ts';

export interface SettleServices extends FateServices {
  readonly accounts: AccountStore;
  readonly ledger: Ledger;
}

/** After its time a lease is left to its edge for a while: clocks of machines differ, and writes are slow. */
export const GRACE_MILLISECONDS = 5000;

/**
 * Settles a lease whose log has ended, as far as its jobs have ended.
 * @throws what the store throws; then it can be tried again
 */
export async function settle(services: SettleServices, place: LedgerPlace): Promise<Account> {
  const records = await services.ledger.read(place);
  let [used, open] = [0, 0];
  const { tenant, lease } = place;
  const numbered = records.map(({ charges }, index) => ({ lease, number: index + 1, charges }));
  const fates = await fatesOf(services, tenant, numbered);
  for (const [index, { charges }] of records.entries())
    for (const [at, { amount }] of charges.entries()) {
      if (fates[index]?.[at] === 'spent') used += amount;
      if (fates[index]?.[at] === 'open') open += amount;
    }
  return await services.accounts.change(place.tenant, (account) => {
    const lease = account.leases.find(({ id }) => id === place.lease);
    return lease && settleLease(account, lease.id, { used, back: lease.amount - used - open });
  });
}

/**
 * Ends the leases of edges that have gone, and settles what had to wait for jobs.
 * @throws what the store throws
 */
export async function reclaim(services: SettleServices, tenant: string): Promise<Account> {
  let account = await services.accounts.read(tenant);
  const now = services.now();
  for (const { id, until } of account.leases) {
    if (until + GRACE_MILLISECONDS > now) continue;
    const place = { tenant, lease: id };
    if (until !== 0) await services.ledger.end(place);
    account = await settle(services, place);
  }
  return account;
}
