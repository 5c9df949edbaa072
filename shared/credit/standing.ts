/**
 * How a tenant's credit stands, to the last charge that is written: the logs of leases say what of them is charged, before
 * anybody has settled them. A job that has not ended counts as charged, as it does in usage.
 *
 *   granted = balance + held + charged
 */
import { balanceOf } from './account.ts';
import { fatesOf } from './fate.ts';
import type { LedgerRecord } from './ledger.ts';
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
  const logs: LedgerRecord[][] = [];
  for (let at = 0; at < leases.length; at += AT_ONCE) {
    const slice = leases.slice(at, at + AT_ONCE);
    const read = slice.map(({ id }) => services.ledger.read({ tenant, lease: id }));
    logs.push(...(await Promise.all(read)));
  }
  let [held, charged] = [0, spent];
  // The oldest lease first, since the first that claims work is the one that counts.
  for (const [at, { id, amount, back }] of leases.entries()) {
    let own = 0;
    for (const [index, record] of (logs[at] ?? []).entries()) {
      const fates = await fatesOf(services, { tenant, lease: id }, index + 1, record);
      for (const [which, one] of record.charges.entries())
        if (fates[which] === 'spent' || fates[which] === 'open') own += one.amount;
    }
    charged += own;
    held += amount - back - own;
  }
  return { granted, balance: balanceOf(account), held, charged };
}
