/** A search: by comparison with every item while that is fast, through the index beyond. */
import type { SearchResult } from '../../shared/api/search.ts';
import { columnsOf, type Tuning } from './description.ts';
import { type Answer, itemOf } from './rows.ts';
import type { Opened } from './tables.ts';

/** Items that are compared one by one rather than through an index: that takes 100 ms, and finds all. */
export const EXACT_ITEMS = 10_000;

export interface Question {
  /** (D), of length 1. */
  readonly vector: Float32Array;
  readonly k: number;
  /** As `conditionOf` has it. */
  readonly condition: string | undefined;
  readonly vectors: boolean;
}

export interface Settings {
  readonly nprobes: number;
  readonly refine: number;
}

export interface Found {
  readonly results: readonly SearchResult[];
  readonly items: number;
  readonly matching: number;
  /** Undefined where every item was compared. */
  readonly settings: (Settings & { readonly recall: number }) | undefined;
}

/**
 * Settings for a search in a share of the items. The nearest of few lie in more partitions than those of all,
 * and among more candidates.
 */
export function settingsFor(tuning: Tuning, items: number, matching: number): Settings {
  const share = Math.min(1, matching / Math.max(1, items));
  if (share > 0.9) return tuning;
  return {
    nprobes: Math.min(tuning.partitions, Math.ceil(tuning.nprobes / share)),
    refine: Math.min(100, Math.ceil(tuning.refine * 3)),
  };
}

/** Items whose vectors make the smallest angle with the question's; those not yet in the index are compared, too. */
export async function searchTable(
  { table, description, tuning }: Opened,
  { vector, k, condition, vectors }: Question,
): Promise<Found> {
  const items = await table.countRows();
  const matching = condition === undefined ? items : await table.countRows(condition);
  if (matching === 0) return { results: [], items, matching, settings: undefined };
  const columns = columnsOf(description);
  const names = columns.map(({ column }) => column);
  const query = table
    .query()
    .nearestTo(vector)
    .distanceType('cosine')
    .limit(k)
    .select(['id', '_distance', ...names, ...(vectors ? ['vector'] : [])]);
  if (condition !== undefined) query.where(condition);
  const isExact = !tuning || matching <= Math.max(EXACT_ITEMS, k);
  const settings = isExact ? undefined : settingsFor(tuning, items, matching);
  if (settings) query.nprobes(settings.nprobes).refineFactor(settings.refine);
  else query.bypassVectorIndex();
  const answers: Answer[] = await query.toArray();
  return {
    results: answers.map((answer) => ({
      ...itemOf(answer, columns, vectors),
      score: Math.max(-1, Math.min(1, 1 - Number(answer._distance))),
    })),
    items,
    matching,
    settings: settings && tuning && { ...settings, recall: tuning.recall },
  };
}
