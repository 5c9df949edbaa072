/**
 * Charges whose lease was ended by others before its log had them: each is taken from another lease, once. Whoever carries
 * them over has to flush that lease as well, since nobody else may come to do it.
 */
import { InsufficientCreditError, type OwnHold } from './hold.ts';
import type { Charge } from './ledger.ts';
import { type Pending, settledOrSlow } from './log.ts';

export interface Stranded {
  add(refused: readonly Pending[]): void;
  /** Charges that are in no lease's log. */
  readonly count: () => number;
  /** How many were ever moved into the log of another lease. */
  readonly carried: () => number;
  /**
   * Moves all of them, one behind the other. What the credit does not cover is lost, and told.
   * @throws what the store throws; then those that are left stay
   */
  carry(): Promise<void>;
}

export function createStranded(
  hold: (amount: number) => OwnHold | Promise<OwnHold>,
  onLost: (charge: Charge) => void,
): Stranded {
  const waiting = new Set<Pending>();
  let carried = 0;
  let carrying: Promise<void> | undefined;

  async function carryOne(pending: Pending): Promise<void> {
    let held: OwnHold;
    try {
      held = await hold(pending.charge.amount);
    } catch (cause) {
      if (!(cause instanceof InsufficientCreditError)) throw cause;
      if (!waiting.delete(pending)) return;
      onLost(pending.charge);
      pending.delayed(cause);
      return;
    }
    // Whoever took over from one that was slow may have moved it.
    if (!waiting.delete(pending)) return held.release();
    held.enter(pending);
    carried++;
  }

  async function carryAll(): Promise<void> {
    try {
      for (const pending of [...waiting]) if (waiting.has(pending)) await carryOne(pending);
    } catch (cause) {
      for (const { delayed } of waiting) delayed(cause);
      throw cause;
    }
  }

  return {
    add(refused) {
      for (const pending of refused) waiting.add(pending);
    },
    count: () => waiting.size,
    carried: () => carried,
    async carry() {
      while (waiting.size > 0) {
        const others = carrying;
        if (others) {
          await settledOrSlow(others);
          if (carrying !== others) continue;
        }
        const mine = carryAll().finally(() => {
          if (carrying === mine) carrying = undefined;
        });
        carrying = mine;
        await mine;
      }
    },
  };
}
