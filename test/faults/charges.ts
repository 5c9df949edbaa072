/** What a fleet has charged, by the records of its ledger: held against its jobs and against its account. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Account, balanceOf, outstandingOf, spentOf } from '../../shared/credit/account.ts';
import { reclaim } from '../../shared/credit/settle.ts';
import { decide, recordsOf } from '../../shared/credit/usage.ts';
import type { Store } from '../../shared/store/store.ts';
import { creditServices } from '../../worker/credit/sweep.ts';

export interface ChargesFound {
  /** Jobs and lines of batches that were charged more than once. */
  readonly twice: number;
  /** Jobs that have succeeded and were not charged. */
  readonly missed: number;
}

/** Leases of edges that were killed end after this time. */
const SETTLED_MILLISECONDS = 60_000;

/**
 * @param jobs their ends, by id
 * @param findings told what does not fit
 */
export async function checkCharges(
  store: Store,
  tenant: string,
  jobs: ReadonlyMap<string, string | undefined>,
  findings: string[],
): Promise<ChargesFound> {
  const services = creditServices(store);
  let account: Account = await services.accounts.read(tenant);
  const until = performance.now() + SETTLED_MILLISECONDS;
  while (account.leases.length > 0 && performance.now() < until) {
    await sleep(1000);
    account = await reclaim(services, tenant);
  }
  const found = await decide(services, tenant, await recordsOf(store, tenant));
  const charges = found.flatMap(({ decided }) => decided).filter(({ fate }) => fate === 'spent');
  const counts = new Map<string, number>();
  for (const { charge } of charges) counts.set(charge.id, (counts.get(charge.id) ?? 0) + 1);
  const twice = [...counts].filter(([, count]) => count > 1);
  const missed = [...jobs].filter(([id, status]) => status === 'succeeded' && !counts.has(id));
  findings.push(...twice.map(([id, count]) => `${id} was charged ${count} times`));
  findings.push(...missed.map(([id]) => `the job ${id} was not charged`));
  const sum = charges.reduce((all, { charge }) => all + charge.amount, 0);
  const isExact =
    spentOf(account) === sum &&
    balanceOf(account) + outstandingOf(account) + spentOf(account) === account.granted;
  if (!isExact) findings.push(`the ledger sums up to ${sum}, the account to ${spentOf(account)}`);
  return { twice: twice.length + (isExact ? 0 : 1), missed: missed.length };
}
