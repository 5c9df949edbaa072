/**
 * Looks after the credit of all tenants: what edges that have gone had leased comes back, charges are told and summed up,
 * and what nobody reads any more is removed. Of many workers one looks at a time.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { createAccountStore } from '../../shared/credit/accountStore.ts';
import { createClaims } from '../../shared/credit/claims.ts';
import { type CompactServices, compact, cover } from '../../shared/credit/compact.ts';
import { createDays } from '../../shared/credit/days.ts';
import { createLedger } from '../../shared/credit/ledger.ts';
import { reclaim, type SettleServices } from '../../shared/credit/settle.ts';
import { foldersUnder } from '../../shared/documents/keys.ts';
import { createJobStore } from '../../shared/jobs/jobStore.ts';
import type { Store } from '../../shared/store/store.ts';
import { createTurn } from '../consumer/turn.ts';
import { describeError, type Log } from '../log.ts';
import { UNWATCHED, type WorkerMetrics } from '../metrics.ts';
import { createSink, type SinkSettings } from './sink.ts';

export interface CreditSweepOptions {
  /** This worker, by a name that it has again when it is started anew in its place. */
  readonly worker: string;
  readonly seconds: number;
  readonly sink?: SinkSettings | undefined;
  readonly log: Log;
  readonly metrics?: WorkerMetrics | undefined;
  readonly signal: AbortSignal;
}

/** A sink that fails is asked again after the pause between two looks, then after twice as long, at most so often. */
const MOST_DOUBLINGS = 6;
/** Claims of requests that were sent again are kept as long as their keys are, and some more. */
const CLAIM_MILLISECONDS = 3 * 86_400_000;

export function creditServices(store: Store): SettleServices & CompactServices {
  return {
    store,
    accounts: createAccountStore(store),
    ledger: createLedger(store),
    claims: createClaims(store),
    days: createDays(store),
    jobs: createJobStore(store),
    now: () => store.now(),
  };
}

/** Removes claims of requests that carried an Idempotency-Key; those of batches go with their batches. */
async function removeOldClaims(store: Store, tenant: string): Promise<void> {
  for await (const group of foldersUnder(store, `charge-claims/${tenant}/`)) {
    const created = /^[0-9a-f]{64}-([0-9a-z]+)$/.exec(group)?.[1];
    if (created === undefined) continue;
    if (store.now() - Number.parseInt(created, 36) < CLAIM_MILLISECONDS) continue;
    const folder = `charge-claims/${tenant}/${group}/`;
    for (const key of (await store.list(folder)).keys) await store.delete(key);
  }
}

/** Looks once at all tenants. @returns whether the sink took all that it was told */
export async function sweepCredit(
  store: Store,
  services: SettleServices & CompactServices,
  { log, metrics = UNWATCHED, signal }: Pick<CreditSweepOptions, 'log' | 'metrics' | 'signal'>,
): Promise<boolean> {
  let isTold = true;
  const trouble = (tenant: string, error: unknown): void => {
    const message = 'the credit of a tenant could not be looked after';
    log({ event: 'credit', tenant, message, error: describeError(error) });
  };
  for await (const tenant of foldersUnder(store, 'credit/')) {
    if (signal.aborted) break;
    try {
      await reclaim(services, tenant);
      await services.accounts.prune(tenant);
      const { charges } = await compact(services, tenant, signal);
      if (charges > 0) metrics.count('usageEvents', {}, charges);
      for await (const day of foldersUnder(store, `usage-days/${tenant}/`))
        await cover(services, tenant, day);
      await removeOldClaims(store, tenant);
    } catch (error) {
      if (error instanceof SinkError) isTold = false;
      trouble(tenant, error);
    }
  }
  return isTold;
}

class SinkError extends Error {
  override readonly name = 'SinkError';
}

/** Looks again and again, until the signal aborts. */
export async function keepCredit(store: Store, options: CreditSweepOptions): Promise<void> {
  const { worker, seconds, sink, log, metrics = UNWATCHED, signal } = options;
  const every = seconds * 1000;
  const key = 'state/credit-sweep.json';
  const { now } = store;
  const turn = createTurn(store, { worker, key, milliseconds: 0.7 * every, now });
  const told = sink && createSink(sink);
  let [failures, notBefore] = [0, 0];
  const tell: CompactServices['tell'] =
    told &&
    (async (tenant, decided) => {
      if (performance.now() < notBefore)
        throw new SinkError('the sink of usage is left alone a while');
      try {
        await told(tenant, decided);
        failures = 0;
      } catch (cause) {
        metrics.count('usageSinkFailures', {});
        notBefore = performance.now() + every * 2 ** Math.min(MOST_DOUBLINGS, failures++);
        throw new SinkError('the sink of usage does not take charges', { cause });
      }
    });
  const services = { ...creditServices(store), ...(tell && { tell }) };
  while (!signal.aborted) {
    try {
      if ((await turn.take()) !== undefined)
        await sweepCredit(store, services, { log, metrics, signal });
    } catch (error) {
      const message = 'credit could not be looked after';
      log({ event: 'credit', message, error: describeError(error) });
    }
    await sleep(every, undefined, { signal, ref: false }).catch(() => undefined);
  }
}
