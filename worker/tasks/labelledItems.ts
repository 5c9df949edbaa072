/** Items of a collection whose class stands in their metadata: to fit a head to, or to ask as neighbours. */
import type { ClassifiedItem, Neighbours } from '../../shared/api/classify.ts';
import type { Filter } from '../../shared/api/filters.ts';
import {
  type LabelledCollection,
  LONGEST_LABEL,
  MOST_FITTED_ITEMS,
} from '../../shared/api/heads.ts';
import { pointerTo } from '../../shared/api/pointer.ts';
import { refusal } from '../../shared/api/problem.ts';
import type { SearchResult } from '../../shared/api/search.ts';
import { shorten } from '../../shared/api/shorten.ts';
import { present } from '../../shared/lookup.ts';
import type { PlacedItem } from '../../shared/plan/classify.ts';
import type { Collections } from '../retrieval/collections.ts';
import type { Description } from '../retrieval/description.ts';
import { type Vectorising, vectorsOf } from './vectorise.ts';

/** What is done with collections here. */
export interface CollectionAccess extends Vectorising {
  /** Absent where the worker keeps none. */
  readonly collections?: (() => Collections) | undefined;
}

/** Those of the items that have a class. */
const labelled = ({ label_field: field, filter }: LabelledCollection): Filter => {
  const exists = { field, exists: true };
  return filter ? { and: [filter, exists] } : exists;
};

/** @param at pointer of what names the collection */
async function describe(
  { name, label_field }: LabelledCollection,
  { collections: open, tenant }: CollectionAccess,
  at: string,
): Promise<{ collections: Collections; description: Description }> {
  if (!open) {
    const detail = 'this server keeps no collections: FOURM_COLLECTIONS is not set on its workers';
    throw refusal('no_collections', detail);
  }
  const collections = open();
  const description = await collections.describe({ tenant, name });
  if (Object.hasOwn(description.metadata, label_field)) return { collections, description };
  const detail = `the items of ${name} have no field ${label_field}; their fields: ${Object.keys(description.metadata).join(', ') || 'none'}`;
  throw refusal('invalid_metadata', detail, `${at}${pointerTo('label_field')}`);
}

/** The class of an item: the value of its field, as text. */
const labelOf = ({ metadata }: SearchResult, field: string): string =>
  String(metadata[field] ?? '').slice(0, LONGEST_LABEL);

export interface LabelledVectors {
  readonly vectors: readonly Float32Array[];
  readonly labels: readonly string[];
  readonly description: Description;
}

/** @throws FailureError `invalid_examples` for a class that no head can name: its file could not be read again */
function assertLabels(items: readonly SearchResult[], field: string, pointer: string): void {
  for (const { id, metadata } of items) {
    const { length } = String(metadata[field] ?? '');
    if (length > 0 && length <= LONGEST_LABEL) continue;
    const detail = `the class of item ${shorten(id)} has ${length} characters, and 1 to ${LONGEST_LABEL} are allowed; leave it out by a filter`;
    throw refusal('invalid_examples', detail, pointer);
  }
}

/** All items that have a class. @throws FailureError `invalid_examples` where there are too many, or none */
export async function labelledVectors(
  from: LabelledCollection,
  access: CollectionAccess,
): Promise<LabelledVectors> {
  const at = pointerTo('collection');
  const { collections, description } = await describe(from, access, at);
  const { tenant } = access;
  const { name, uid, dimensions } = description;
  // Any direction will do: as many are asked for as may be taken.
  const vector = new Float32Array(dimensions);
  vector[0] = 1;
  const { results, matching } = await collections.search(
    { tenant, name, uid },
    { vector, k: MOST_FITTED_ITEMS, filter: labelled(from), vectors: true },
  );
  if (matching > MOST_FITTED_ITEMS || results.length === 0) {
    const detail =
      results.length === 0
        ? `no item of ${name} has a value in ${from.label_field}`
        : `${matching} items of ${name} have a class, and a head is fitted to at most ${MOST_FITTED_ITEMS}; give a filter`;
    throw refusal('invalid_examples', detail, at);
  }
  assertLabels(results, from.label_field, `${at}${pointerTo('label_field')}`);
  // The order of what is equally near is nobody's promise, and the folds are dealt by it.
  const sorted = [...results].sort((a, b) => (a.id < b.id ? -1 : 1));
  return {
    vectors: sorted.map((item) => Float32Array.from(present(item.vector, 'a vector'))),
    labels: sorted.map((item) => labelOf(item, from.label_field)),
    description,
  };
}

/**
 * Temperature of the votes: a neighbour counts by exp(cosine / temperature). Z. Wu, Y. Xiong, S. X. Yu and D. Lin,
 * Unsupervised Feature Learning via Non-Parametric Instance Discrimination, CVPR 2018, section 3.4.
 */
const TEMPERATURE = 0.07;

/** Shares of the votes of each class, the largest first. */
function votes(neighbours: readonly SearchResult[], field: string, top: number): ClassifiedItem {
  const nearest = Math.max(...neighbours.map(({ score }) => score));
  const sums = new Map<string, number>();
  let all = 0;
  for (const neighbour of neighbours) {
    const vote = Math.exp((neighbour.score - nearest) / TEMPERATURE);
    const label = labelOf(neighbour, field);
    sums.set(label, (sums.get(label) ?? 0) + vote);
    all += vote;
  }
  const classes = [...sums]
    .map(([label, sum]) => ({ label, probability: sum / all }))
    .sort((a, b) => b.probability - a.probability || (a.label < b.label ? -1 : 1));
  return { classes: classes.slice(0, top) };
}

/** What the nearest items of a collection say of each item. @throws FailureError as a search does */
export async function byNeighbours(
  items: readonly PlacedItem[],
  from: Neighbours,
  top: number,
  access: CollectionAccess,
): Promise<ClassifiedItem[]> {
  const at = pointerTo('neighbours');
  const { collections, description } = await describe(from, access, at);
  const { name, uid } = description;
  const sources = items.map(({ inputs }, index) => ({
    source: { inputs },
    path: items.length === 1 && items[0]?.at === '' ? [] : ['items', index],
  }));
  const vectors = await vectorsOf(sources, description, access);
  const reference = { tenant: access.tenant, name, uid };
  const answers: ClassifiedItem[] = [];
  for (const { vector } of vectors) {
    const asked = { vector, k: from.k, filter: labelled(from), vectors: false };
    const { results } = await collections.search(reference, asked);
    if (results.length === 0) {
      const detail = `no item of ${name} has a value in ${from.label_field}`;
      throw refusal('invalid_examples', detail, `${at}${pointerTo('label_field')}`);
    }
    answers.push(votes(results, from.label_field, top));
  }
  return answers;
}
