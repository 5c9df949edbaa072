/** Charges summed up: by day, key, task and model, or by less. */
import * as z from 'zod';
import { USAGE_GROUPS, type UsageGroup, type UsageRow } from '../api/usage.ts';
import type { Fate } from './fate.ts';
import { type Charge, dayOf } from './ledger.ts';

const sum = z.number().int();
export const rowSchema = z.object({
  day: z.string(),
  key: z.string(),
  task: z.string(),
  model: z.string(),
  requests: sum,
  cached: sum,
  units: sum,
  amount: sum,
  returned: sum,
});
export type Row = z.output<typeof rowSchema>;

export const SUMS = ['requests', 'cached', 'units', 'amount', 'returned'] as const;

/** Undefined for what is not decided, or counts elsewhere. */
export function rowOf(charge: Charge, fate: Fate): Row | undefined {
  if (fate === 'double') return undefined;
  const { at, key, task, model, units, amount, cached } = charge;
  const isBack = fate === 'back';
  return {
    ...{ day: dayOf(at), key, task, model, requests: 1, cached: cached ? 1 : 0 },
    units: isBack ? 0 : units,
    amount: isBack ? 0 : amount,
    returned: isBack ? amount : 0,
  };
}

/** Rows of the same group as one, sorted by their group. */
export function summed(rows: readonly Row[], groups: readonly UsageGroup[]): UsageRow[] {
  const wanted = USAGE_GROUPS.filter((group) => groups.includes(group));
  const found = new Map<string, { -readonly [Field in keyof UsageRow]: UsageRow[Field] }>();
  for (const row of rows) {
    // No name has a character 0 in it.
    const id = wanted.map((group) => row[group]).join('\0');
    const sums = found.get(id);
    if (sums) {
      for (const name of SUMS) sums[name] += row[name];
      continue;
    }
    const named = Object.fromEntries(wanted.map((group) => [group, row[group]]));
    const { requests, cached, units, amount, returned } = row;
    found.set(id, { ...named, requests, cached, units, amount, returned });
  }
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
}
