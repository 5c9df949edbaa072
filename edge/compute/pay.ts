/**
 * How work is paid for: its price is held before it begins, charged when it has succeeded, and free again when it has
 * not. Whatever computes goes through here, so that a route says what it does and in which units, and nothing else.
 */
import { type Charge as ChargeRecord, LEASE_IDS } from '../../shared/credit/ledger.ts';
import { cachedPrice, type PricedWork, priceOf } from '../../shared/credit/prices.ts';
import { LEASE_MILLISECONDS } from '../../shared/credit/purse.ts';
import { isWorker } from '../../shared/pause.ts';
import { creditFailure } from '../credit/credit.ts';
import { sayBefore } from '../headers.ts';
import { keepAlive } from '../keepAlive.ts';
import type { EdgeContext } from '../problems.ts';
import type { Services } from '../services.ts';
import { tenantOf } from '../tenant.ts';
import { createSame } from './same.ts';

/** What was charged, as `X-4M-Charged` says it. */
export const CHARGED_HEADER = 'x-4m-charged';

export interface Work extends Omit<PricedWork, 'task'> {
  /** The result is stored: a share of its price is charged. */
  readonly isCached?: boolean;
}

/** What is held for a piece of work. After one of its functions the others do nothing. */
export interface Payment {
  /** Millionths of the currency. */
  readonly price: number;
  readonly currency: string;
  /**
   * The work has succeeded.
   * @param isCached it was made for another as well, who pays for it
   * @returns what was charged, for a header
   */
  charge(isCached?: boolean): string | undefined;
  /** The work is a job, whose charge counts when it succeeds. @throws FailureError `store_unavailable` */
  chargeJob(job: string): Promise<void>;
  /** Nothing is charged. */
  release(): void;
  /** Keeps it for work that takes long. */
  keep(): void;
}

/** What work costs. */
export interface Price {
  readonly units: number;
  readonly price: number;
  readonly currency: string;
}

const taskOf = (c: EdgeContext): string => c.get('route') ?? 'none';

/** What work costs, as answers say it; undefined where nothing is charged. */
export function priceFor(c: EdgeContext, { credit }: Services, work: Work): Price | undefined {
  if (!credit) return undefined;
  const { prices } = credit;
  const full = priceOf(prices, { task: taskOf(c), ...work });
  const price = work.isCached ? cachedPrice(prices, full) : full;
  return { units: work.units, price, currency: prices.currency };
}

const priced = createSame();

/** The answer with its price in its usage; as it is where nothing is charged. */
export function withPrice<T extends object>(answer: T, price: Price | undefined): T {
  if (!price) return answer;
  const { usage }: { usage?: object } = answer;
  return priced(answer, price, () => ({ ...answer, usage: { ...usage, ...price } }));
}

/** Between two looks at whether a charge still waits. */
const LOOK_MILLISECONDS = 500;

/**
 * Waits until a charge is written, by this request or by another one that writes it together with its own. Workers end
 * a request that waits for nothing but another one's work, and may end that work with the other one: so it keeps a timer
 * of its own, which writes what still waits.
 */
async function settled(written: Promise<void>, flush: () => Promise<void>): Promise<void> {
  const timer = setInterval(() => void flush().catch(() => undefined), LOOK_MILLISECONDS);
  try {
    await written;
  } finally {
    clearInterval(timer);
  }
}

/**
 * Holds what work costs; undefined where nothing is charged.
 * @throws FailureError `payment_required` where the credit does not cover it, `store_unavailable`
 */
export async function pay(
  c: EdgeContext,
  services: Services,
  work: () => Work | Promise<Work>,
): Promise<Payment | undefined> {
  const { credit, metrics } = services;
  if (!credit) return undefined;
  const own = await work();
  const { prices } = credit;
  const task = taskOf(c);
  const tenant = tenantOf(c);
  const full = priceOf(prices, { task, ...own });
  const cached = cachedPrice(prices, full);
  const price = own.isCached ? cached : full;
  const holding = credit.hold(tenant, price);
  // Others may wait for the same lease when this caller has gone.
  if (holding instanceof Promise) keepAlive(c)(holding);
  const hold =
    holding instanceof Promise
      ? await holding.catch((error: unknown) => {
          throw creditFailure(error, price, prices.currency);
        })
      : holding;

  let isOver = false;
  let timer: ReturnType<typeof setInterval> | undefined;
  const end = (): boolean => {
    const wasOver = isOver;
    isOver = true;
    clearInterval(timer);
    return !wasOver;
  };
  const record = (amount: number, isCached: boolean): ChargeRecord => {
    const once = c.get('once');
    const charge = {
      id: once ? `${once.group}.${once.member}` : LEASE_IDS.create(credit.now()).slice(6),
      at: credit.now(),
      key: c.get('key')?.key.id ?? c.get('lineKey') ?? '',
      task,
      model: own.model?.id ?? '',
      units: own.units,
      amount,
      ...(isCached && { cached: true }),
      request: c.get('requestId'),
      ...(once && { once }),
    };
    metrics.count('charges', { task, kind: isCached ? 'cached' : 'computed' });
    metrics.count('charged', { task }, amount);
    return charge;
  };
  return {
    price,
    currency: prices.currency,
    charge(isCached = false) {
      if (!end()) return undefined;
      const amount = isCached ? Math.min(price, cached) : price;
      const written = hold.commit(record(amount, isCached || own.isCached === true));
      // Timers of Workers end with their request: who is left writes what others have gathered. Elsewhere they come.
      if (isWorker) keepAlive(c)(written.then(() => credit.flush(tenant)));
      return `${amount};currency=${prices.currency}`;
    },
    async chargeJob(job) {
      if (!end()) return;
      try {
        const written = hold.commit({ ...record(price, own.isCached === true), id: job, job });
        await settled(written, () => credit.flush(tenant));
        sayBefore(c, CHARGED_HEADER, `${price};currency=${prices.currency}`);
      } catch (error) {
        throw creditFailure(error, price, prices.currency);
      }
    },
    release() {
      if (end()) hold.release();
    },
    keep() {
      if (isOver || timer !== undefined) return;
      timer = setInterval(() => {
        hold.extend().catch(() => undefined);
      }, LEASE_MILLISECONDS / 3);
    },
  };
}

/**
 * Work that is done within a request: paid for when it succeeds.
 * @throws FailureError as `pay`; what the work throws, and then nothing is charged
 */
export async function paid<T>(
  c: EdgeContext,
  services: Services,
  work: () => Work | Promise<Work>,
  run: () => Promise<T>,
): Promise<T> {
  const payment = await pay(c, services, work);
  if (!payment) return await run();
  payment.keep();
  try {
    const result = await run();
    const charged = payment.charge();
    if (charged !== undefined) c.header(CHARGED_HEADER, charged);
    return result;
  } finally {
    payment.release();
  }
}
