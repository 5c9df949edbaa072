/** What a tenant was charged: sums of days, and the records of the ledger that are in none of them yet. */
import { eachAtOnce } from '../atOnce.ts';
import { keysUnder } from '../documents/revisions.ts';
import type { Store } from '../store/store.ts';
import { compacted, type Days } from './days.ts';
import { type Fate, type FateServices, fatesOf } from './fate.ts';
import { type Charge, dayOf, LEASE_IDS, readRecord } from './ledger.ts';
import { type Row, rowOf } from './rows.ts';

export interface UsageServices extends FateServices {
  readonly store: Store;
  readonly days: Days;
}

/**
 * The same store for one look at usage: records never change once they are written, so that each is read once, whoever
 * looks at it.
 */
export function readOnce(store: Store): Store {
  const seen = new Map<string, ReturnType<Store['look']>>();
  return {
    ...store,
    look(key) {
      const known = seen.get(key) ?? store.look(key);
      seen.set(key, known);
      // What is not there yet may be written meanwhile.
      void known.then(
        ({ state }) => state !== 'whole' && seen.delete(key),
        () => seen.delete(key),
      );
      return known;
    },
  };
}

/** A record of the ledger, as its key names it. */
export interface RecordName {
  readonly key: string;
  readonly lease: string;
  readonly number: number;
  /** As sums name it. */
  readonly name: string;
  /** When its lease began. */
  readonly day: string;
}

export interface Decided {
  readonly charge: Charge;
  readonly fate: Fate;
  readonly currency: string | undefined;
}

/** Records that are read at once. */
const AT_ONCE = 16;
/** Records whose charges are held at once. */
const DECIDED_AT_ONCE = 200;
const DAY = 86_400_000;

export const isDay = (text: string): boolean => {
  const time = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(time) && dayOf(time) === text;
};

/** Days from one to another, both among them. */
export function daysBetween(from: string, to: string): string[] {
  const [first, last] = [from, to].map((day) => Date.parse(`${day}T00:00:00Z`));
  const count = Math.floor(((last ?? 0) - (first ?? 0)) / DAY) + 1;
  return Array.from({ length: Math.max(0, count) }, (_, i) => dayOf((first ?? 0) + i * DAY));
}

/** Every record that is there, the oldest first: of charges for the same work the first one is to count. @throws what the store throws */
export async function recordsOf(store: Store, tenant: string): Promise<RecordName[]> {
  const names: RecordName[] = [];
  for await (const key of keysUnder(store, `usage/${tenant}/`)) {
    const [, , lease = '', file = ''] = key.split('/');
    if (!LEASE_IDS.is(lease)) continue;
    const number = Number(file.slice(0, 6));
    names.push({
      ...{ key, lease, number, name: `${lease}/${number}` },
      day: dayOf(LEASE_IDS.timeOf(lease)),
    });
  }
  return names.sort((a, b) => {
    if (a.lease !== b.lease) return a.lease < b.lease ? 1 : -1;
    return a.number - b.number;
  });
}

/** The charges of records and what became of them; of none where one is gone since. @throws what the store throws */
export async function decide(
  services: UsageServices,
  tenant: string,
  names: readonly RecordName[],
): Promise<{ readonly name: string; readonly decided: readonly Decided[] }[]> {
  const read = await eachAtOnce(names, AT_ONCE, async ({ key, ...name }) => {
    const record = await readRecord(services.store, key);
    return record && { ...name, ...record };
  });
  const found = read.filter((record) => record !== undefined);
  const fates = await fatesOf(services, tenant, found);
  return found.map(({ name, charges, currency }, at) => ({
    name,
    decided: charges.map((charge, index) => ({
      ...{ charge, currency },
      fate: fates[at]?.[index] ?? ('open' as const),
    })),
  }));
}

/**
 * What was charged on some days, in rows as few as there can be; jobs that have not ended count as charged.
 * @param days the first to the last, without a gap
 * @throws what the store throws
 */
export async function usageOn(
  services: UsageServices,
  tenant: string,
  days: readonly string[],
): Promise<Row[]> {
  const [first] = days;
  if (first === undefined) return [];
  // Listed before sums are read: what is summed up in between is in both, and counts once.
  const there = await recordsOf(services.store, tenant);
  // A lease may begin the day before its last charge.
  const before = dayOf(Date.parse(`${first}T00:00:00Z`) - DAY);
  const looked = [before, ...days];
  const sums = await services.days.readAll(tenant, looked);
  let rows = [...sums.values()].flatMap((sum) => sum.rows);
  const left = there.filter(({ day, name }) => sums.has(day) && !sums.get(day)?.records.has(name));
  for (let at = 0; at < left.length; at += DECIDED_AT_ONCE) {
    const found = await decide(services, tenant, left.slice(at, at + DECIDED_AT_ONCE));
    const own = found.flatMap(({ decided }) =>
      decided.flatMap(({ charge, fate }) => rowOf(charge, fate) ?? []),
    );
    rows = compacted([...rows, ...own]);
  }
  const wanted = new Set(days);
  return compacted(rows.filter(({ day }) => wanted.has(day)));
}
