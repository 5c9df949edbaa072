/** What an edge spends of all tenants' credit: a purse for each, which is tidied up while it lives. */
import type { Hold } from './hold.ts';
import { createPurse, type Purse, type PurseOptions } from './purse.ts';
import type { SettleServices } from './settle.ts';

export interface Spender {
  /** @throws InsufficientCreditError; what the store throws */
  hold(tenant: string, amount: number): Hold | Promise<Hold>;
  /** Writes a tenant's charges. @throws what the store throws */
  flush(tenant: string): Promise<void>;
  /** Leased and not spent, of all tenants. */
  readonly left: () => number;
  /**
   * Writes all charges, and gives back what is leased: tried again for some seconds where the store fails. What is left
   * then comes back when the leases have run out.
   */
  close(): Promise<void>;
}

export interface SpenderOptions extends PurseOptions {
  /** Between two looks for leases that are not needed. */
  readonly tidyMilliseconds?: number;
}

const TIDY_MILLISECONDS = 2000;
/** Milliseconds between tries to close: a process that ends is not waited for much longer. */
const CLOSE_PAUSES = [100, 400, 1500, 3000] as const;
/** A timer that has not come so long after its time ended with its request. */
const PATIENCE_MILLISECONDS = 60_000;

export function createSpender(services: SettleServices, options: SpenderOptions): Spender {
  const { tidyMilliseconds = TIDY_MILLISECONDS, onTrouble = () => {} } = options;
  const purses = new Map<string, Purse>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let timerEnds = 0;

  async function tidy(): Promise<void> {
    for (const [tenant, purse] of purses) {
      await purse.flush().catch(onTrouble);
      await purse.tidy(false).catch(onTrouble);
      if (purse.isEmpty()) purses.delete(tenant);
    }
  }

  /** As long as something is leased; in Workers timers end with their request, and leases with their time. */
  function watch(): void {
    if (timer !== undefined && Date.now() < timerEnds + PATIENCE_MILLISECONDS) return;
    timerEnds = Date.now() + tidyMilliseconds;
    timer = setTimeout(() => {
      void tidy().finally(() => {
        timer = undefined;
        if (purses.size > 0) watch();
      });
    }, tidyMilliseconds);
    (timer as { unref?: () => void }).unref?.();
  }

  return {
    hold(tenant, amount) {
      const purse = purses.get(tenant) ?? createPurse(services, tenant, options);
      purses.set(tenant, purse);
      watch();
      return purse.hold(amount);
    },
    flush: async (tenant) => await purses.get(tenant)?.flush(),
    left: () => [...purses.values()].reduce((sum, purse) => sum + purse.left(), 0),
    async close() {
      clearTimeout(timer);
      for (const pause of [...CLOSE_PAUSES, undefined]) {
        const trying = [...purses].map(async ([tenant, purse]) => {
          // What is still held is of work that was broken off: nothing of it is charged.
          await purse.flush();
          await purse.tidy(true);
          purses.delete(tenant);
        });
        const failed = (await Promise.allSettled(trying)).filter(
          (one) => one.status === 'rejected',
        );
        for (const { reason } of failed) onTrouble(reason);
        if (failed.length === 0 || pause === undefined) break;
        await new Promise((resolve) => setTimeout(resolve, pause));
      }
      purses.clear();
    },
  };
}
