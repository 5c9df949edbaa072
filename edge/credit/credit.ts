/** What this edge spends of its tenants' credit; there is none where nothing is charged. */
import { FailureError } from '../../shared/api/problem.ts';
import { ROUTES } from '../../shared/api/routes.ts';
import { storeFailure } from '../../shared/api/storeFailure.ts';
import { type AccountStore, createAccountStore } from '../../shared/credit/accountStore.ts';
import { createClaims } from '../../shared/credit/claims.ts';
import { createDays } from '../../shared/credit/days.ts';
import { InsufficientCreditError } from '../../shared/credit/hold.ts';
import { createLedger } from '../../shared/credit/ledger.ts';
import { type Prices, parsePrices } from '../../shared/credit/prices.ts';
import type { SettleServices } from '../../shared/credit/settle.ts';
import { createSpender, type Spender } from '../../shared/credit/spender.ts';
import type { UsageServices } from '../../shared/credit/usage.ts';
import { createJobStore } from '../../shared/jobs/jobStore.ts';
import type { Store } from '../../shared/store/store.ts';
import type { Config } from '../config.ts';
import type { EdgeMetrics } from '../metrics.ts';

export interface Credit extends Spender {
  readonly prices: Prices;
  readonly accounts: AccountStore;
  /** What was charged, as the store says. */
  readonly services: SettleServices & UsageServices;
  readonly now: () => number;
}

/** @throws Error for a price table that does not fit */
function pricesOf(text: string): Prices {
  const prices = parsePrices(text);
  const unknown = prices.free.filter((task) => !Object.hasOwn(ROUTES, task));
  if (unknown.length > 0) throw new Error(`free: there is no route ${unknown.join(', ')}`);
  return prices;
}

/**
 * Undefined where nothing is charged.
 * @throws Error for a price table that does not fit, and where nobody could be charged
 */
export function createCredit(
  { FOURM_PRICES: text, FOURM_AUTH: auth }: Config,
  store: Store,
  metrics: EdgeMetrics,
  log: (line: string) => void,
): Credit | undefined {
  if (text === undefined) return undefined;
  const wrong = (detail: string, cause?: unknown): Error =>
    new Error(`configuration: FOURM_PRICES ${detail}`, { cause });
  if (auth !== 'keys') throw wrong('needs FOURM_AUTH=keys: nobody is charged without a key');
  if (store.kind === 'memory')
    throw wrong('needs FOURM_STORE=disk or s3, where the credit lies that edges share');
  let prices: Prices;
  try {
    prices = pricesOf(text);
  } catch (cause) {
    throw wrong(`does not fit: ${cause instanceof Error ? cause.message : cause}`, cause);
  }
  const accounts = createAccountStore(store);
  const services = {
    accounts,
    ledger: createLedger(store),
    claims: createClaims(store),
    jobs: createJobStore(store),
    store,
    days: createDays(store),
    now: () => store.now(),
  };
  const spender = createSpender(services, {
    holder: crypto.randomUUID(),
    currency: prices.currency,
    onTrouble: (error) => log(`credit: ${error instanceof Error ? error.message : error}`),
    onLost: ({ amount }) => metrics.count('chargesLost', {}, amount),
    onLease: (outcome) => metrics.count('leases', { outcome }),
  });
  return { ...spender, prices, accounts, services, now: services.now };
}

/** What a failure to hold credit means for the caller. */
export function creditFailure(error: unknown, price: number, currency: string): unknown {
  if (error instanceof InsufficientCreditError) {
    const { balance } = error;
    const detail = `this costs ${price} millionths of ${currency}, and the credit has ${balance} left`;
    return new FailureError(
      { code: 'payment_required', detail, credit: { price, balance, currency } },
      { cause: error },
    );
  }
  if (error instanceof FailureError) return error;
  return storeFailure('the credit cannot be looked at', error);
}
