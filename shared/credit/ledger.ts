/**
 * What was charged, in the store: for each lease a log of records, which are written one behind the other and only where
 * there is none.
 *
 *   usage/<tenant>/<lease>/<number>.json
 *
 * The last record says that it is the last. Whoever ends the lease of an edge that has gone writes it; an edge that is
 * not gone, and comes too late, finds it in the place of its own record. So after the end of a log everybody sums up the
 * same records, and the sum of charges is the sum of the events.
 */
import * as z from 'zod';
import { timeIds } from '../api/timeId.ts';
import { eachAtOnce } from '../atOnce.ts';
import { keysUnder } from '../documents/revisions.ts';
import { readStored } from '../results/stored.ts';
import type { Store } from '../store/store.ts';

export const LEASE_IDS = timeIds('lease');

const whole = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

/** `YYYY-MM-DD` of a time, in UTC. @param time unix milliseconds */
export const dayOf = (time: number): string => new Date(time).toISOString().slice(0, 10);

export const chargeSchema = z.object({
  /** The same for everything that is the same work for the same caller. */
  id: z.string(),
  /** Unix milliseconds. */
  at: whole,
  /** Id of the key that asked. */
  key: z.string(),
  /** The route that was asked. */
  task: z.string(),
  /** The model that works; empty where none does. */
  model: z.string(),
  units: whole,
  /** Millionths of the currency. */
  amount: whole,
  /** Whether the result was stored, or made for another. */
  cached: z.boolean().optional(),
  request: z.string(),
  /** It counts when the job succeeds. */
  job: z.string().optional(),
  /** Of those with the same group and member one counts. */
  once: z.object({ group: z.string(), member: z.string() }).optional(),
});
export type Charge = z.output<typeof chargeSchema>;

const recordSchema = z.object({
  format: z.literal(1),
  /** Tells whose record it is where an answer of the store was lost. */
  writer: z.string(),
  end: z.literal(true).optional(),
  /** Of its amounts. */
  currency: z.string().optional(),
  charges: z.array(chargeSchema),
});
export type LedgerRecord = z.output<typeof recordSchema>;

export interface LedgerPlace {
  readonly tenant: string;
  readonly lease: string;
}

export const ledgerFolder = ({ tenant, lease }: LedgerPlace): string => `usage/${tenant}/${lease}/`;
/** Reads one record. @throws Error when it is damaged */
export async function readRecord(store: Store, key: string): Promise<LedgerRecord | undefined> {
  const found = await readStored(store, key, recordSchema);
  // What is spent must not be taken for unspent.
  if (found.state === 'unusable') throw new Error(`the record of charges ${key} is damaged`);
  return found.state === 'found' ? found.value : undefined;
}

const keyOf = (place: LedgerPlace, number: number): string =>
  `${ledgerFolder(place)}${String(number).padStart(6, '0')}.json`;

/** Every function throws what the store throws. */
export interface Ledger {
  /**
   * Writes a record, which may be tried again after an error.
   * @param number from 1; the one before has been written
   * @returns `ended` where the log has ended before
   */
  append(place: LedgerPlace, number: number, record: LedgerRecord): Promise<'written' | 'ended'>;
  /** Records from 1 on. @throws Error when one is damaged */
  read(place: LedgerPlace): Promise<LedgerRecord[]>;
  /** Ends the log of an edge that has gone. */
  end(place: LedgerPlace): Promise<void>;
}

const TRIES = 20;
/** Records that are read at once. */
const AT_ONCE = 16;

export function createLedger(store: Store): Ledger {
  const find = (place: LedgerPlace, number: number): Promise<LedgerRecord | undefined> =>
    readRecord(store, keyOf(place, number));

  const ledger: Ledger = {
    async append(place, number, record) {
      const body = new TextEncoder().encode(JSON.stringify(record));
      const options = { contentType: 'application/json', ifNoneMatch: '*' } as const;
      if ((await store.put(keyOf(place, number), body, options)).ok) return 'written';
      return (await find(place, number))?.writer === record.writer ? 'written' : 'ended';
    },
    async read(place) {
      let count = 0;
      for await (const _ of keysUnder(store, ledgerFolder(place))) count++;
      const numbers = Array.from({ length: count }, (_, index) => index + 1);
      const records = await eachAtOnce(numbers, AT_ONCE, (number) => find(place, number));
      return records.map((record, index) => {
        if (record) return record;
        throw new Error(`record ${index + 1} of the lease ${place.lease} is missing`);
      });
    },
    async end(place) {
      const writer = crypto.randomUUID();
      for (let tries = 0; tries < TRIES; tries++) {
        const records = await ledger.read(place);
        if (records.at(-1)?.end) return;
        const last = { format: 1, writer, end: true, charges: [] } as const;
        await ledger.append(place, records.length + 1, { ...last, charges: [] });
      }
      throw new Error(`the lease ${place.lease} is still written to`);
    },
  };
  return ledger;
}
