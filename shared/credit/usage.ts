/** What a tenant was charged: sums of days, and the records of the ledger that are in none of them yet. */
import { keysUnder } from '../documents/revisions.ts';
import type { Store } from '../store/store.ts';
import { compacted, type DaySums, type Days } from './days.ts';
import { type Fate, type FateServices, fatesOf } from './fate.ts';
import { type Charge, dayOf, LEASE_IDS, readRecord } from './ledger.ts';
import { type Row, rowOf } from './rows.ts';

export interface UsageServices extends FateServices {
  readonly store: Store;
  readonly days: Days;
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

/** Every record that is there, the newest lease first. @throws what the store throws */
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
  return names;
}

/** The charges of a record and what became of them; undefined where it is gone since. @throws what the store throws */
export async function decide(
  services: UsageServices,
  tenant: string,
  { key, lease, number }: RecordName,
): Promise<Decided[] | undefined> {
  const record = await readRecord(services.store, key);
  if (!record) return undefined;
  const fates = await fatesOf(services, { tenant, lease }, number, record);
  return record.charges.map((charge, index) => ({
    ...{ charge, currency: record.currency },
    fate: fates[index] ?? 'open',
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
  const looked = new Set([before, ...days]);
  const sums = new Map<string, DaySums>();
  for (const day of looked) sums.set(day, await services.days.read(tenant, day));
  const rows = [...sums.values()].flatMap((sum) => sum.rows);
  const left = there.filter(
    ({ day, name }) => looked.has(day) && !sums.get(day)?.records.has(name),
  );
  for (let at = 0; at < left.length; at += AT_ONCE) {
    const slice = left.slice(at, at + AT_ONCE);
    const decided = await Promise.all(slice.map((record) => decide(services, tenant, record)));
    for (const { charge, fate } of decided.flatMap((one) => one ?? [])) {
      const row = rowOf(charge, fate);
      if (row) rows.push(row);
    }
  }
  const wanted = new Set(days);
  return compacted(rows.filter(({ day }) => wanted.has(day)));
}
