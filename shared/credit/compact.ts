/**
 * Sums up what is decided in the ledger of a tenant, and tells it to whoever bills it. The order survives a kill at any
 * point: what is told is told before it is summed up, and so again when it was not; a sum is written before a record of
 * it is deleted; and sums are covered before they are deleted.
 */
import type { AccountStore } from './accountStore.ts';
import { compacted } from './days.ts';
import { LEASE_IDS } from './ledger.ts';
import { rowOf } from './rows.ts';
import { type Decided, decide, type RecordName, recordsOf, type UsageServices } from './usage.ts';

export interface CompactServices extends UsageServices {
  readonly accounts: AccountStore;
  /** Tells charges, at least once each. @throws when they were not taken; then they are told again */
  readonly tell?: ((tenant: string, decided: readonly Decided[]) => Promise<void>) | undefined;
}

export interface Compacted {
  /** Charges that are in a sum since. */
  readonly charges: number;
  /** Records that were deleted. */
  readonly deleted: number;
}

/** An edge that has gone writes to a lease no more after this time, however slow its last write was. */
const OLD_MILLISECONDS = 3_600_000;
/** A day is over when nothing is added to it any more, but by jobs that take long. */
const OVER_MILLISECONDS = 3 * 86_400_000;
const RECORDS_AT_ONCE = 200;
/** Sums of a day that is not over: more than these become one, so that whoever reads usage reads few. */
const MOST_SUMS = 32;

/** @throws what the store throws, and what telling throws; then it can be done again */
export async function compact(
  services: CompactServices,
  tenant: string,
  signal?: AbortSignal,
): Promise<Compacted> {
  const { store, days, now, tell } = services;
  const there = await recordsOf(store, tenant);
  const { leases } = await services.accounts.read(tenant);
  const open = new Set(leases.map(({ id }) => id));
  let [charges, deleted] = [0, 0];

  /** Sums up those of some records that are decided. @returns false where another has summed up meanwhile */
  async function sumUp(day: string, records: readonly RecordName[], last: number) {
    const found = await decide(services, tenant, records);
    const whole = found.filter(({ decided }) => decided.every(({ fate }) => fate !== 'open'));
    if (whole.length === 0) return true;
    const counted = whole.flatMap(({ decided }) => decided).filter(({ fate }) => fate !== 'double');
    if (counted.length > 0) await tell?.(tenant, counted);
    const rows = counted.flatMap(({ charge, fate }) => rowOf(charge, fate) ?? []);
    const sum = { records: whole.map(({ name }) => name), rows: compacted(rows) };
    if (!(await days.add(tenant, day, last + 1, { format: 1, ...sum }))) return false;
    charges += counted.length;
    return true;
  }

  for (const day of new Set(there.map((record) => record.day))) {
    let left = there.filter((record) => record.day === day);
    while (left.length > 0 && !signal?.aborted) {
      const sums = await days.read(tenant, day);
      left = left.filter(({ name }) => !sums.records.has(name));
      const slice = left.slice(0, RECORDS_AT_ONCE);
      if (await sumUp(day, slice, sums.last)) left = left.slice(slice.length);
    }
    const sums = await days.read(tenant, day);
    const old = there.filter(({ day: own, lease, name }) => {
      const isOld = now() - LEASE_IDS.timeOf(lease) > OLD_MILLISECONDS;
      return own === day && isOld && !open.has(lease) && sums.records.has(name);
    });
    for (const { key } of old) {
      if (signal?.aborted) break;
      await store.delete(key);
      deleted++;
    }
  }
  return { charges, deleted };
}

/**
 * Puts the sums of a day together, where it is over or has many. Records that are still there stay named, so that they do not count again.
 * @throws what the store throws; then it can be done again
 */
export async function cover(
  { store, days, now }: UsageServices,
  tenant: string,
  day: string,
): Promise<void> {
  const { keys, last, rows, records } = await days.read(tenant, day);
  const isOver = now() - Date.parse(`${day}T00:00:00Z`) >= OVER_MILLISECONDS;
  if (keys.length < (isOver ? 2 : MOST_SUMS)) return;
  const there = new Set((await recordsOf(store, tenant)).map(({ name }) => name));
  const named = [...records].filter((name) => there.has(name));
  const sum = { format: 1 as const, covers: true as const, records: named, rows: compacted(rows) };
  if (!(await days.add(tenant, day, last + 1, sum))) return;
  for (const key of keys) await store.delete(key);
}
