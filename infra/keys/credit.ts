/** What `npm run keys -- credit` does: adds credit to a tenant, once for each id, and shows what he has. */
import {
  type Account,
  balanceOf,
  grant,
  outstandingOf,
  spentOf,
} from '../../shared/credit/account.ts';
import type { AccountStore } from '../../shared/credit/accountStore.ts';
import { ONE } from '../../shared/credit/prices.ts';
import type { Store } from '../../shared/store/store.ts';
import { CommandError } from './errors.ts';

/** Of one grant at most, in units of the currency. */
const MOST = 1_000_000_000;
const ID = /^[A-Za-z0-9._-]{1,100}$/;

/** `12.5` -> millionths. @throws CommandError */
function amountOf(text: string): number {
  const [, whole, fraction = ''] = /^\+(\d{1,10})(?:\.(\d{1,6}))?$/.exec(text) ?? [];
  const amount = Number(whole) * ONE + Number(fraction.padEnd(6, '0'));
  if (whole !== undefined && amount > 0 && Number(whole) <= MOST) return amount;
  const detail = `${text} is no amount: write +25 or +0.5, with six digits behind the point at most`;
  throw new CommandError(detail);
}

/** Millionths -> `12.500000`. */
export const moneyText = (amount: number): string => {
  const digits = String(Math.abs(amount)).padStart(7, '0');
  return `${amount < 0 ? '-' : ''}${digits.slice(0, -6)}.${digits.slice(-6)}`;
};

const line = (account: Account): string =>
  [
    account.tenant,
    `balance ${moneyText(balanceOf(account))}`,
    `leased by edges ${moneyText(outstandingOf(account))}`,
    `spent ${moneyText(spentOf(account))}`,
    `granted ${moneyText(account.granted)}`,
  ].join('  ');

export interface CreditServices {
  readonly store: Store;
  readonly accounts: AccountStore;
}

/**
 * @param text `+AMOUNT`; only shows the credit when absent
 * @param id names the grant: one that is repeated counts once
 * @param now unix milliseconds
 * @returns lines to print
 * @throws CommandError; what the store throws, and then the same command with the same id can be tried again
 */
export async function creditCommand(
  { store, accounts }: CreditServices,
  tenant: string,
  { text, id = crypto.randomUUID() }: { readonly text?: string | undefined; readonly id?: string },
  now: number,
): Promise<string[]> {
  if (text === undefined) return [line(await accounts.read(tenant))];
  const amount = amountOf(text);
  if (!ID.test(id)) throw new CommandError('--id has 1 to 100 letters, digits, dots or dashes');
  // The event is written first: whoever is stopped in between does the same again.
  const key = `credit-grants/${tenant}/${id}.json`;
  const event = { format: 1, id, tenant, amount, at: now };
  const body = new TextEncoder().encode(JSON.stringify(event));
  const options = { contentType: 'application/json', ifNoneMatch: '*' } as const;
  if (!(await store.put(key, body, options)).ok) {
    const found = await store.get(key);
    const before: unknown = found && JSON.parse(new TextDecoder().decode(found.body));
    const given = (before as { amount?: number } | undefined)?.amount;
    if (given !== amount)
      throw new CommandError(`the grant ${id} is one of ${moneyText(given ?? 0)}`);
  }
  let isNew = false;
  const account = await accounts.change(tenant, (now) => {
    const next = grant(now, { id, amount });
    isNew ||= next !== undefined;
    return next;
  });
  const said = isNew ? `${moneyText(amount)} added` : 'this was added before';
  return [`${said} (grant ${id})`, line(account)];
}
