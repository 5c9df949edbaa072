/**
 * Collections of items with vectors, of many tenants. Several workers may share a place: whatever one has
 * committed is what the others read next, and none undoes what another did.
 */
import type { Collection, CollectionIndex, Item } from '../../shared/api/collections.ts';
import type { NewCollection } from '../../shared/api/collectionWork.ts';
import type { Filter } from '../../shared/api/filters.ts';
import { pointerTo } from '../../shared/api/pointer.ts';
import { refusal } from '../../shared/api/problem.ts';
import { shorten } from '../../shared/api/shorten.ts';
import type { Log } from '../log.ts';
import { columnsOf, type Description, type Tuning } from './description.ts';
import { conditionOf, quoted } from './filter.ts';
import { type CollectionsPlace, createDatabases } from './place.ts';
import { type Answer, itemOf, type Row, vectorOf } from './rows.ts';
import { type Found, type Question, searchTable } from './search.ts';
import { createTables, type Opened, type Reference } from './tables.ts';
import { createUpkeep } from './upkeep.ts';
import { createWrites } from './writes.ts';

type Path = readonly PropertyKey[];

export interface Page<T> {
  readonly entries: readonly T[];
  readonly next: string | null;
}

export interface PageWish {
  readonly after?: string | undefined;
  readonly limit: number;
}

export interface Asked extends Omit<Question, 'condition'> {
  readonly filter: Filter | undefined;
}

/**
 * Every function throws FailureError: `unknown_collection` where there is none of that name for the tenant,
 * `store_unavailable` where the place cannot be used.
 */
export interface Collections {
  /** @throws FailureError `collection_exists` */
  create(tenant: string, collection: NewCollection): Promise<Collection>;
  describe(reference: Reference): Promise<Description>;
  get(reference: Reference): Promise<Collection>;
  list(tenant: string, page: PageWish): Promise<Page<Collection>>;
  drop(reference: Reference): Promise<void>;
  /** Adds rows, or puts them in place of those with their ids: all, committed when it resolves, or none. */
  put(description: Described, rows: readonly Row[]): Promise<void>;
  /** @throws FailureError `unknown_item` */
  item(reference: Reference, id: string, pointer?: Path): Promise<Item>;
  /** @throws FailureError `unknown_item` */
  vector(reference: Reference, id: string, pointer: Path): Promise<Float32Array>;
  items(reference: Reference, page: PageWish): Promise<Page<Item>>;
  /** @throws FailureError `unknown_item` */
  remove(reference: Reference, id: string): Promise<void>;
  /** @throws FailureError `invalid_filter` */
  search(reference: Reference, asked: Asked): Promise<Found>;
  /** Resolves when nothing is left to be done in the background. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

/** A collection as it was when somebody looked at it. */
export interface Described {
  readonly tenant: string;
  readonly description: Description;
}

const referenceOf = ({ tenant, description: { name, uid } }: Described) => ({ tenant, name, uid });

function unknownItem(id: string, pointer: Path | undefined) {
  const at = pointer && pointerTo(...pointer);
  return refusal('unknown_item', `the collection has no item ${shorten(id)}`, at);
}

const indexOf = (tuning: Tuning | undefined, isBuilding: boolean): CollectionIndex => ({
  state: tuning ? 'ready' : isBuilding ? 'building' : 'none',
  ...(tuning && {
    items: tuning.items,
    partitions: tuning.partitions,
    nprobes: tuning.nprobes,
    refine_factor: tuning.refine,
    recall_at_10: tuning.recall,
  }),
});

/** @throws Error where LanceDB has no binary for this machine */
export function openCollections(place: CollectionsPlace, log: Log): Collections {
  const databases = createDatabases(place);
  const tables = createTables(databases);
  const upkeep = createUpkeep(tables, log);
  const writes = createWrites(tables, (reference) => upkeep.touch(reference, true));

  const answerOf = async ({ table, description, tuning }: Opened): Promise<Collection> => ({
    name: description.name,
    embedding: description.embedding,
    dimensions: description.dimensions,
    metadata: description.metadata,
    created_at: description.created_at,
    count: await table.countRows(),
    index: indexOf(tuning, upkeep.isBuilding(description.uid)),
  });

  const get: Collections['get'] = (reference) => tables.use(reference, answerOf);

  /** The row of an id as LanceDB answers it; undefined when there is none. */
  const find = (reference: Reference, id: string, names: (opened: Opened) => readonly string[]) =>
    tables.use(reference, async (opened) => {
      const [answer]: Answer[] = await opened.table
        .query()
        .where(`\`id\` = ${quoted(id)}`)
        .select([...names(opened)])
        .limit(1)
        .toArray();
      return answer && { answer, opened };
    });

  const namesOf = ({ description }: Opened): string[] =>
    columnsOf(description).map(({ column }) => column);

  return {
    async create(tenant, collection) {
      const { uid, name } = await tables.create(tenant, collection);
      return await get({ tenant, name, uid });
    },
    describe: (reference) => tables.use(reference, async ({ description }) => description),
    get,
    async list(tenant, { after, limit }) {
      const names = await tables.names(tenant, after, limit + 1);
      const entries: Collection[] = [];
      for (const name of names.slice(0, limit)) {
        // One that was dropped meanwhile is left out.
        const entry = await get({ tenant, name }).catch((error: unknown) => {
          if (error instanceof Error && error.message.startsWith('unknown_collection'))
            return undefined;
          throw error;
        });
        if (entry) entries.push(entry);
      }
      return { entries, next: names.length > limit ? (names[limit - 1] ?? null) : null };
    },
    drop: (reference) => tables.drop(reference),
    async put(described, rows) {
      await writes.put(referenceOf(described), rows);
    },
    async item(reference, id, pointer) {
      const found = await find(reference, id, (opened) => ['id', 'vector', ...namesOf(opened)]);
      if (!found) throw unknownItem(id, pointer);
      return itemOf(found.answer, columnsOf(found.opened.description), true);
    },
    async vector(reference, id, pointer) {
      const found = await find(reference, id, () => ['id', 'vector']);
      if (!found) throw unknownItem(id, pointer);
      return vectorOf(found.answer);
    },
    items: (reference, { after, limit }) =>
      tables.use(reference, async (opened) => {
        const query = opened.table
          .query()
          .select(['id', ...namesOf(opened)])
          .orderBy({ columnName: 'id' })
          .limit(limit + 1);
        if (after !== undefined) query.where(`\`id\` > ${quoted(after)}`);
        const answers: Answer[] = await query.toArray();
        const columns = columnsOf(opened.description);
        const entries = answers.slice(0, limit).map((answer) => itemOf(answer, columns, false));
        return { entries, next: answers.length > limit ? (entries.at(-1)?.id ?? null) : null };
      }),
    async remove(reference, id) {
      const description = await tables.use(reference, async (opened) => opened.description);
      const removed = await writes.delete(referenceOf({ ...reference, description }), [id]);
      if (removed === 0) throw unknownItem(id, undefined);
    },
    search: (reference, { filter, ...question }) =>
      tables.use(reference, async (opened) => {
        const { uid, name } = opened.description;
        const columns = columnsOf(opened.description);
        const condition = filter && conditionOf(filter, columns);
        const found = await searchTable(opened, { ...question, condition });
        upkeep.touch({ tenant: reference.tenant, name, uid }, false);
        return found;
      }),
    settled: () => upkeep.settled(),
    async close() {
      await upkeep.close();
      await databases.close();
    },
  };
}
