/**
 * A tenant's prepaid credit, as one document: what was granted, what is spent, and what edges have leased to spend.
 * All amounts are millionths of the currency. Every change is one of the functions below, which answer the next
 * document, or nothing where there is nothing to change: so each can be tried again when nobody knows what became of it.
 *
 *   granted = spent + what the leases hold + balance
 */
import * as z from 'zod';

const amount = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

const leaseSchema = z.object({
  id: z.string(),
  /** Who spends from it. */
  holder: z.string(),
  amount,
  /** What of it is known to be spent. */
  used: amount,
  /** What of it has come back to the balance. */
  back: amount,
  /** Unix milliseconds: from then on anybody may end it; 0 once nobody spends from it any more. */
  until: amount,
});
export type Lease = z.output<typeof leaseSchema>;

export const accountSchema = z.object({
  format: z.literal(1),
  tenant: z.string(),
  /** From 1; each change has the next one. */
  revision: amount,
  granted: amount,
  /** By leases that are settled. */
  spent: amount,
  /** Ids of grants, the latest last: a grant that is repeated counts once. */
  grants: z.array(z.string()),
  leases: z.array(leaseSchema),
});
export type Account = z.output<typeof accountSchema>;

/** Grants whose ids are remembered. */
export const MOST_GRANTS = 1000;

export const emptyAccount = (tenant: string): Account => ({
  format: 1,
  tenant,
  revision: 0,
  granted: 0,
  spent: 0,
  grants: [],
  leases: [],
});

const sum = (numbers: readonly number[]): number => numbers.reduce((all, one) => all + one, 0);

/** What leases hold that is neither spent nor back. */
export const outstandingOf = ({ leases }: Account): number =>
  sum(leases.map((lease) => lease.amount - lease.used - lease.back));

/** What is known to be spent. */
export const spentOf = ({ spent, leases }: Account): number =>
  spent + sum(leases.map(({ used }) => used));

/** What nobody has leased. */
export const balanceOf = (account: Account): number =>
  account.granted - spentOf(account) - outstandingOf(account);

const changed = (account: Account, change: Partial<Account>): Account => ({
  ...account,
  ...change,
  revision: account.revision + 1,
});

const findLease = ({ leases }: Account, id: string): Lease | undefined =>
  leases.find((lease) => lease.id === id);

const withLease = (account: Account, lease: Lease): Account =>
  changed(account, {
    leases: account.leases.map((other) => (other.id === lease.id ? lease : other)),
  });

export function grant(
  account: Account,
  given: { readonly id: string; readonly amount: number },
): Account | undefined {
  if (account.grants.includes(given.id)) return undefined;
  return changed(account, {
    granted: account.granted + given.amount,
    grants: [...account.grants, given.id].slice(-MOST_GRANTS),
  });
}

/** Undefined where the balance does not have so much, or the lease is there. */
export function openLease(
  account: Account,
  lease: Pick<Lease, 'id' | 'holder' | 'amount' | 'until'>,
): Account | undefined {
  if (findLease(account, lease.id) || balanceOf(account) < lease.amount) return undefined;
  return changed(account, { leases: [...account.leases, { ...lease, used: 0, back: 0 }] });
}

/** Undefined where the lease has ended. */
export function extendLease(account: Account, id: string, until: number): Account | undefined {
  const lease = findLease(account, id);
  if (!lease || lease.until === 0 || lease.until >= until) return undefined;
  return withLease(account, { ...lease, until });
}

/**
 * What is known of a lease that nobody spends from any more. Both amounts only ever grow, so what was looked up earlier
 * takes nothing back. The lease goes when all of it is accounted for.
 */
export function settleLease(
  account: Account,
  id: string,
  known: { readonly used: number; readonly back: number },
): Account | undefined {
  const lease = findLease(account, id);
  if (!lease) return undefined;
  const used = Math.max(lease.used, known.used);
  const back = Math.max(lease.back, known.back);
  if (used + back > lease.amount)
    throw new Error(`more than the lease ${id} held was spent and returned: ${used} and ${back}`);
  if (used + back === lease.amount)
    return changed(account, {
      spent: account.spent + used,
      leases: account.leases.filter((other) => other !== lease),
    });
  if (used === lease.used && back === lease.back && lease.until === 0) return undefined;
  return withLease(account, { ...lease, used, back, until: 0 });
}
