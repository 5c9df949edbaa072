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
   * Writes what is there, one record behind the other; those who come meanwhile wait for the same.
   * @returns charges that cannot be written any more, since others have ended the log
   * @throws what the store throws; then it can be tried again
   */
  flush(): Promise<readonly Pending[]>;
  /** The same, and ends the log. */
  end(): Promise<readonly Pending[]>;
}

/** Charges of one record at most. */
const MOST_CHARGES = 1000;

export function createLeaseLog(ledger: Ledger, place: LedgerPlace, currency?: string): LeaseLog {
  let gathered: Pending[] = [];
  let number = 1;
  let isEnded = false;
  let wantsEnd = false;
  /** The record that is under way, or may be. */
  let current: { readonly record: LedgerRecord; readonly pending: readonly Pending[] } | undefined;
  let writing: Promise<readonly Pending[]> | undefined;

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

  async function writeAll(): Promise<readonly Pending[]> {
    const refused: Pending[] = [];
    while (!isEnded) {
      current ??= next();
      if (!current) break;
      const { record, pending } = current;
      let outcome: 'written' | 'ended';
      try {
        outcome = await ledger.append(place, number, record);
      } catch (cause) {
        for (const one of [...pending, ...gathered]) one.delayed(cause);
        throw cause;
      }
      current = undefined;
      number++;
      isEnded = outcome === 'ended' || record.end === true;
      if (outcome === 'written') for (const one of pending) one.written();
      else refused.push(...pending);
    }
    if (isEnded) refused.push(...gathered.splice(0));
    return refused;
  }

  const flush: LeaseLog['flush'] = () => {
    writing ??= writeAll().finally(() => {
      writing = undefined;
    });
    return writing;
  };

  return {
    add: (pending) => void gathered.push(pending),
    waiting: () => gathered.length + (current?.pending.length ?? 0),
    flush,
    async end() {
      wantsEnd = true;
      const before = writing ? await writing : [];
      return isEnded ? before : [...before, ...(await flush())];
    },
  };
}
