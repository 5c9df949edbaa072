/**
 * Records of the ledger summed up by day, so that nobody has to read all of them for ever.
 *
 *   usage-days/<tenant>/<day>/<number>.json     sums, and which records are in them
 *
 * A sum is written, only where there is none, before a record of it is deleted; and who reads leaves out the records that
 * a sum names. So at any moment each record counts once, whoever is killed when. Many sums, or those of a day that is over,
 * become one, which takes the place of those up to its own number.
 */
import * as z from 'zod';
import { eachAtOnce } from '../atOnce.ts';
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
  /** Those of many days, which one listing finds. @param days in ascending order */
  readAll(tenant: string, days: readonly string[]): Promise<ReadonlyMap<string, DaySums>>;
  /** @param number the one behind the last. @returns false where another has written it */
  add(tenant: string, day: string, number: number, sum: DaySum): Promise<boolean>;
}

const GROUPS = ['day', 'key', 'task', 'model'] as const;

/** Rows as few as there can be. */
export const compacted = (rows: readonly Row[]): Row[] => summed(rows, GROUPS) as Row[];

/** Tries at reading sums that are covered meanwhile. */
const TRIES = 5;

/** Sums that are read at once. */
const AT_ONCE = 16;

const placeOf = (tenant: string, day: string): string => `usage-days/${tenant}/${day}/`;

/** What the sums of a day say together; those that a later one covers say nothing any more. */
function together(keys: readonly string[], found: readonly DaySum[]): DaySums {
  const sums = found.slice(
    Math.max(
      0,
      found.findLastIndex(({ covers }) => covers),
    ),
  );
  return {
    rows: sums.flatMap(({ rows }) => rows),
    records: new Set(sums.flatMap(({ records }) => records)),
    last: Number(keys.at(-1)?.slice(-11, -5) ?? 0),
    keys,
  };
}

export function createDays(store: Store): Days {
  /** Undefined for one that was covered since. @throws Error when it is damaged */
  async function sumAt(key: string): Promise<DaySum | undefined> {
    const found = await readStored(store, key, daySumSchema);
    if (found.state === 'unusable') throw new Error(`the sums of usage ${key} are damaged`);
    return found.state === 'found' ? found.value : undefined;
  }

  const sumsAt = (keys: readonly string[]) => eachAtOnce(keys, AT_ONCE, sumAt);

  const days: Days = {
    async read(tenant, day) {
      for (let tries = 0; tries < TRIES; tries++) {
        const keys: string[] = [];
        for await (const key of keysUnder(store, placeOf(tenant, day))) keys.push(key);
        const whole = (await sumsAt(keys)).filter((sum) => sum !== undefined);
        // One that was covered since is gone, and in one that was not listed.
        if (whole.length === keys.length) return together(keys, whole);
      }
      throw new Error(`the sums of usage of ${tenant} on ${day} are covered again and again`);
    },
    async readAll(tenant, wanted) {
      const keys = new Map(wanted.map((day) => [day, [] as string[]]));
      const first = wanted[0] ?? '';
      const last = wanted.at(-1) ?? '';
      const folder = `usage-days/${tenant}/`;
      for await (const key of keysUnder(store, folder, `${folder}${first}`)) {
        const day = key.slice(folder.length).split('/')[0] ?? '';
        if (day > last) break;
        keys.get(day)?.push(key);
      }
      const all = [...keys.values()].flat();
      const found = new Map((await sumsAt(all)).map((sum, at) => [all[at], sum]));
      const sums = new Map<string, DaySums>();
      for (const [day, own] of keys) {
        const whole = own.flatMap((key) => found.get(key) ?? []);
        const isWhole = whole.length === own.length;
        sums.set(day, isWhole ? together(own, whole) : await days.read(tenant, day));
      }
      return sums;
    },
    async add(tenant, day, number, sum) {
      const key = `${placeOf(tenant, day)}${String(number).padStart(6, '0')}.json`;
      const body = new TextEncoder().encode(JSON.stringify(sum));
      const options = { contentType: 'application/json', ifNoneMatch: '*' } as const;
      return (await store.put(key, body, options)).ok;
    },
  };
  return days;
}
