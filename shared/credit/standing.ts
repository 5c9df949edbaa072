/**
 * How a tenant's credit stands, to the last charge that is written: the logs of leases say what of them is charged, before
 * anybody has settled them. A job that has not ended counts as charged, as it does in usage.
 *
 *   granted = balance + held + charged
 */

import { eachAtOnce } from '../atOnce.ts';
import { balanceOf } from './account.ts';
import { type DecidableRecord, fatesOf } from './fate.ts';
import type { SettleServices } from './settle.ts';

/** In millionths of the currency. */
export interface Standing {
  readonly granted: number;
  /** What nobody has leased. */
  readonly balance: number;
  /** What is leased and not charged. */
  readonly held: number;
  readonly charged: number;
}

/** Logs that are read at once. */
const AT_ONCE = 8;

/** @throws what the store throws */
export async function standingOf(services: SettleServices, tenant: string): Promise<Standing> {
  // Before the logs: whatever is written meanwhile is of these leases, or of later ones.
  const account = await services.accounts.read(tenant);
  const { granted, leases, spent } = account;
  const logs = await eachAtOnce(leases, AT_ONCE, async ({ id }): Promise<DecidableRecord[]> => {
    const log = await services.ledger.read({ tenant, lease: id });
    return log.map(({ charges }, index) => ({ lease: id, number: index + 1, charges }));
  });
  const records = logs.flat();
  const fates = await fatesOf(services, tenant, records);
  let [held, charged] = [0, spent];
  for (const { amount, back } of leases) held += amount - back;
  for (const [index, record] of records.entries())
    for (const [which, { amount }] of record.charges.entries()) {
      const fate = fates[index]?.[which];
      if (fate !== 'spent' && fate !== 'open') continue;
      charged += amount;
      held -= amount;
    }
  return { granted, balance: balanceOf(account), held, charged };
}
