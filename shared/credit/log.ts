/**
 * The log of one lease as its edge writes it: charges are gathered while a record is under way, and go together with the
 * next one. A record that may have been written is tried again as it is, until the store says what became of it.
 */
import type { Charge, Ledger, LedgerPlace, LedgerRecord } from './ledger.ts';

/** A charge that is to be written. */
export interface Pending {
  readonly charge: Charge;
  /** It is in the store. */
  readonly written: () => void;
  /** It is not, as far as one try told; it is tried again. */
  readonly delayed: (cause: unknown) => void;
}

export interface LeaseLog {
  add(pending: Pending): void;
  /** Charges that are not in the store yet. */
  readonly waiting: () => number;
  /**
   * Writes what was added before, one record behind the other.
   * @returns charges that cannot be written any more, since others have ended the log
   * @throws what the store throws; then it can be tried again
   */
  flush(): Promise<readonly Pending[]>;
  /** The same, and ends the log. */
  end(): Promise<readonly Pending[]>;
}

/** Charges of one record at most. */
const MOST_CHARGES = 1000;
/** A write that takes longer is done again, by whoever waits for it. */
const SLOW_MILLISECONDS = 5000;

/** Waits for the work of another, but not for ever: in Workers what a request has begun may end with it. */
export async function settledOrSlow(others: Promise<unknown>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const slow = new Promise((resolve) => {
    timer = setTimeout(resolve, SLOW_MILLISECONDS);
  });
  await Promise.race([others.catch(() => undefined), slow]);
  clearTimeout(timer);
}

export function createLeaseLog(ledger: Ledger, place: LedgerPlace, currency?: string): LeaseLog {
  let gathered: Pending[] = [];
  /** Charges that came, and those of them of which it is known what became of them. */
  let [added, settled] = [0, 0];
  let number = 1;
  let isEnded = false;
  let wantsEnd = false;
  /** The record that is under way, or may be. */
  let current: { readonly record: LedgerRecord; readonly pending: readonly Pending[] } | undefined;
  let writing: Promise<unknown> | undefined;

  function next(): typeof current {
    const pending = gathered.slice(0, MOST_CHARGES);
    const isLast = wantsEnd && pending.length === gathered.length;
    if (pending.length === 0 && !isLast) return undefined;
    gathered = gathered.slice(pending.length);
    const charges = pending.map(({ charge }) => charge);
    const writer = crypto.randomUUID();
    const end = isLast ? ({ end: true } as const) : {};
    const record = { format: 1, writer, ...end, ...(currency && { currency }), charges } as const;
    return { record, pending };
  }

  function refuseAll(): readonly Pending[] {
    settled += gathered.length;
    return gathered.splice(0);
  }

  /** Writes one record. @returns what cannot be written any more */
  async function writeOne(): Promise<readonly Pending[]> {
    current ??= isEnded ? undefined : next();
    if (!current) return isEnded ? refuseAll() : [];
    const own = current;
    let outcome: 'written' | 'ended';
    try {
      outcome = await ledger.append(place, number, own.record);
    } catch (cause) {
      for (const one of [...own.pending, ...gathered]) one.delayed(cause);
      throw cause;
    }
    // Another has written the same record meanwhile, since this one was slow.
    if (current !== own) return [];
    current = undefined;
    settled += own.pending.length;
    number++;
    isEnded = outcome === 'ended' || own.record.end === true;
    if (outcome === 'written') for (const one of own.pending) one.written();
    const refused = outcome === 'written' ? [] : own.pending;
    return isEnded ? [...refused, ...refuseAll()] : refused;
  }

  const flush: LeaseLog['flush'] = async () => {
    const refused: Pending[] = [];
    // What comes later is written by whoever asks for it: while charges keep coming, nobody would ever be done.
    const last = added;
    const isDone = (): boolean => settled >= last && (isEnded || !wantsEnd);
    while (!isDone()) {
      const others = writing;
      if (others) {
        await settledOrSlow(others);
        // Then the same record is written again.
        if (writing !== others || isDone()) continue;
      }
      const mine = writeOne().finally(() => {
        if (writing === mine) writing = undefined;
      });
      writing = mine;
      refused.push(...(await mine));
    }
    return refused;
  };

  return {
    add(pending) {
      gathered.push(pending);
      added++;
    },
    waiting: () => gathered.length + (current?.pending.length ?? 0),
    flush,
    async end() {
      wantsEnd = true;
      return await flush();
    },
  };
}
