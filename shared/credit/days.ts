/**
 * Records of the ledger summed up by day, so that nobody has to read all of them for ever.
 *
 *   usage-days/<tenant>/<day>/<number>.json     sums, and which records are in them
 *
 * A sum is written, only where there is none, before a record of it is deleted; and who reads leaves out the records that
 * a sum names. So at any moment each record counts once, whoever is killed when. A day that is over becomes one sum, which
 * takes the place of those up to its own number.
 */
import * as z from 'zod';
import { keysUnder } from '../documents/revisions.ts';
import { readStored } from '../results/stored.ts';
import type { Store } from '../store/store.ts';
import { type Row, rowSchema, summed } from './rows.ts';

const daySumSchema = z.object({
  format: z.literal(1),
  /** Sums with smaller numbers are in this one. */
  covers: z.literal(true).optional(),
  /** `<lease>/<number>` of each record. */
  records: z.array(z.string()),
  rows: z.array(rowSchema),
});
export type DaySum = z.output<typeof daySumSchema>;

export interface DaySums {
  readonly rows: readonly Row[];
  readonly records: ReadonlySet<string>;
  /** The number of the last one; 0 where there is none. */
  readonly last: number;
  readonly keys: readonly string[];
}

/** Every function throws what the store throws. */
export interface Days {
  read(tenant: string, day: string): Promise<DaySums>;
  /** @param number the one behind the last. @returns false where another has written it */
  add(tenant: string, day: string, number: number, sum: DaySum): Promise<boolean>;
}

const GROUPS = ['day', 'key', 'task', 'model'] as const;

/** Rows as few as there can be. */
export const compacted = (rows: readonly Row[]): Row[] => summed(rows, GROUPS) as Row[];

/** Tries at reading sums that are covered meanwhile. */
const TRIES = 5;

export const createDays = (store: Store): Days => ({
  async read(tenant, day) {
    for (let tries = 0; tries < TRIES; tries++) {
      const keys: string[] = [];
      for await (const key of keysUnder(store, `usage-days/${tenant}/${day}/`)) keys.push(key);
      const found = await Promise.all(keys.map((key) => readStored(store, key, daySumSchema)));
      const damaged = keys[found.findIndex(({ state }) => state === 'unusable')];
      if (damaged !== undefined) throw new Error(`the sums of usage ${damaged} are damaged`);
      const whole = found.flatMap((one) => (one.state === 'found' ? [one.value] : []));
      // One that was covered since is gone, and in one that was not listed.
      if (whole.length < keys.length) continue;
      const sums = whole.slice(
        Math.max(
          0,
          whole.findLastIndex(({ covers }) => covers),
        ),
      );
      return {
        rows: sums.flatMap(({ rows }) => rows),
        records: new Set(sums.flatMap(({ records }) => records)),
        last: Number(keys.at(-1)?.slice(-11, -5) ?? 0),
        keys,
      };
    }
    throw new Error(`the sums of usage of ${tenant} on ${day} are covered again and again`);
  },
  async add(tenant, day, number, sum) {
    const key = `usage-days/${tenant}/${day}/${String(number).padStart(6, '0')}.json`;
    const body = new TextEncoder().encode(JSON.stringify(sum));
    const options = { contentType: 'application/json', ifNoneMatch: '*' } as const;
    return (await store.put(key, body, options)).ok;
  },
});
