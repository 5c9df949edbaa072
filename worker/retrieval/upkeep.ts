/**
 * What is done for collections behind their callers' backs: an index once there are many items, small files put
 * together, new items taken into the index, old versions deleted. Readers and writers go on meanwhile.
 */
import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { describeError, type Log } from '../log.ts';
import { claimUpkeep, releaseUpkeep } from './claim.ts';
import { columnsOf, type Tuning, writeTuning } from './description.ts';
import { isConflict } from './failures.ts';
import { loadLance, type Table } from './lance.ts';
import { EXACT_ITEMS } from './search.ts';
import type { Opened, Reference, Tables } from './tables.ts';
import { measureTuning } from './tuning.ts';

/**
 * Items for each partition of the index. A share of the partitions finds as much of 400 as of 1,000 or 2,500 among a
 * million vectors, and each partition has a cost of its own.
 */
const PARTITION_ITEMS = 2500;
/** An index is built anew when there are so many times the items it was built on. */
const IDLE_GROWTH = 3;
/** The same while somebody writes: a large import builds it now and then, and not over and over. */
const BUSY_GROWTH = 10;
/** Files that are put together, and items that wait for the index, before somebody looks after them. */
const MOST_FILES = 32;
const MOST_UNINDEXED = 5000;
const UNINDEXED_SHARE = 0.05;
/** The same when nobody has written for a while. */
const IDLE_FILES = 4;
const IDLE_UNINDEXED = 500;
/** How an index is to be searched is measured anew when there are so many times the items. */
const RETUNE_GROWTH = 1.2;
const SOON_MILLISECONDS = 250;
const IDLE_MILLISECONDS = 5_000;
/** Versions are kept for readers that began with them. */
const KEEP_MILLISECONDS = 10 * 60_000;
const TRIES = 5;
/** What a stopping worker waits for work that is under way. */
const LEAVE_MILLISECONDS = 2_000;

export type Need = 'index' | 'optimize' | undefined;

/** How a table stands. */
export interface State {
  readonly items: number;
  /** Items that the index was built on; undefined without one. */
  readonly trained: number | undefined;
  readonly unindexed: number;
  readonly files: number;
  readonly idle: boolean;
}

/** What a collection needs now. */
export function needOf({ items, trained, unindexed, files, idle }: State): Need {
  const growth = idle ? IDLE_GROWTH : BUSY_GROWTH;
  const bound = trained === undefined && idle ? EXACT_ITEMS : growth * (trained ?? EXACT_ITEMS);
  if (items > bound) return 'index';
  if (files > (idle ? IDLE_FILES : MOST_FILES)) return 'optimize';
  if (trained === undefined) return undefined;
  const most = idle ? IDLE_UNINDEXED : Math.max(MOST_UNINDEXED, items * UNINDEXED_SHARE);
  return unindexed > most ? 'optimize' : undefined;
}

async function stateOf({ table, tuning }: Opened, idle: boolean): Promise<State> {
  const { numRows, fragmentStats } = await table.stats();
  const indices = tuning ? await table.listIndices() : [];
  const index = indices.find(({ columns }) => columns.includes('vector'));
  const indexed = index && (await table.indexStats(index.name));
  return {
    items: numRows,
    trained: index && tuning?.trained,
    unindexed: indexed?.numUnindexedRows ?? 0,
    files: fragmentStats.numFragments,
    idle,
  };
}

async function retried(work: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (!isConflict(error) || attempt === TRIES) throw error;
      await sleep(SOON_MILLISECONDS * attempt);
    }
  }
}

const optimize = (table: Table): Promise<void> =>
  retried(async () => {
    await table.optimize({ cleanupOlderThan: new Date(Date.now() - KEEP_MILLISECONDS) });
  });

/** Measures how the index is to be searched, on a version that nobody writes to. */
async function tune(
  table: Table,
  index: Pick<Tuning, 'partitions' | 'trained'>,
  signal: AbortSignal,
): Promise<void> {
  await table.checkout(await table.version());
  const tuning = await measureTuning(table, index, signal);
  await table.checkoutLatest();
  await retried(() => writeTuning(table, tuning));
}

/**
 * Whether it is measured anew how an index is searched. One that is built anew as soon as nobody writes is left as it
 * is: measuring large partitions takes minutes, in which the better index is not built.
 */
export const needsTuning = (items: number, tuning: Pick<Tuning, 'items' | 'trained'>): boolean =>
  items > RETUNE_GROWTH * tuning.items && items <= IDLE_GROWTH * tuning.trained;

/** Takes in what has come, and measures anew when that is much. */
async function takeIn({ table, tuning }: Opened, signal: AbortSignal): Promise<void> {
  await optimize(table);
  if (tuning && needsTuning(await table.countRows(), tuning)) await tune(table, tuning, signal);
}

/** Builds the indices: one over vectors, one for each field that filters can name. */
async function index({ table, description }: Opened, signal: AbortSignal): Promise<void> {
  const { lancedb } = loadLance();
  await optimize(table);
  for (const { column, type, filter } of columnsOf(description)) {
    if (!filter) continue;
    const isOrdered = type === 'number' || type === 'integer';
    const config = isOrdered ? lancedb.Index.btree() : lancedb.Index.bitmap();
    await retried(() => table.createIndex(column, { config, waitTimeoutSeconds: 0 }));
  }
  signal.throwIfAborted();
  const items = await table.countRows();
  const partitions = Math.max(4, Math.round(items / PARTITION_ITEMS));
  const how = { numPartitions: partitions, distanceType: 'cosine' } as const;
  // Bits of vectors come eight in a byte: LanceDB takes no other lengths, whose vectors are then compared whole.
  const { ivfRq, ivfFlat } = lancedb.Index;
  const config = description.dimensions % 8 === 0 ? ivfRq(how) : ivfFlat(how);
  await retried(() => table.createIndex('vector', { config, waitTimeoutSeconds: 0 }));
  // What was added meanwhile is taken in.
  await optimize(table);
  await tune(table, { partitions, trained: items }, signal);
}

export interface Upkeep {
  /** Says that a collection was read or written. */
  touch(reference: Reference, wrote: boolean): void;
  /** Whether an index of it is being built here. */
  isBuilding(uid: string): boolean;
  /** Resolves when nothing is left to do for any collection. */
  settled(): Promise<void>;
  /** Begins nothing more, and waits a moment for what is under way. */
  close(): Promise<void>;
}

interface Watched {
  readonly reference: Reference;
  writtenAt: number;
}

export function createUpkeep(tables: Tables, log: Log): Upkeep {
  const watched = new Map<string, Watched>();
  const seen = new Set<string>();
  const building = new Set<string>();
  const closed = new AbortController();
  // One for each collection that is looked after: Node warns of more than ten.
  setMaxListeners(0, closed.signal);
  const looking = new Set<Promise<void>>();
  /** One collection after the other: an index takes all processors. */
  let turn: Promise<void> = Promise.resolve();

  async function serve(opened: Opened, need: NonNullable<Need>): Promise<boolean> {
    const { table, description } = opened;
    if (!(await claimUpkeep(table))) return false;
    const began = performance.now();
    try {
      if (need === 'index') {
        building.add(description.uid);
        await index(opened, closed.signal);
      } else await takeIn(opened, closed.signal);
    } finally {
      building.delete(description.uid);
      await releaseUpkeep(table).catch(() => {});
    }
    const milliseconds = Math.round(performance.now() - began);
    log({ event: 'upkeep', collection: description.name, did: need, milliseconds });
    return true;
  }

  /** Looks after a collection until it needs nothing and nobody has written for a while. */
  async function look(key: string, own: Watched): Promise<void> {
    while (!closed.signal.aborted) {
      const idle = performance.now() - own.writtenAt >= IDLE_MILLISECONDS;
      const did = turn.then(() =>
        tables.use(own.reference, async (opened) => {
          const need = needOf(await stateOf(opened, idle));
          return need !== undefined && (await serve(opened, need));
        }),
      );
      turn = did.then(
        () => undefined,
        () => undefined,
      );
      // Who writes while this looks starts no other look.
      const wroteAt = own.writtenAt;
      if (!(await did) && idle && own.writtenAt === wroteAt) break;
      await sleep(SOON_MILLISECONDS, undefined, { signal: closed.signal });
    }
    watched.delete(key);
  }

  function start(key: string, own: Watched): void {
    const work = sleep(SOON_MILLISECONDS, undefined, { signal: closed.signal })
      .then(() => look(key, own))
      .catch((error: unknown) => {
        watched.delete(key);
        if (closed.signal.aborted) return;
        const collection = own.reference.name;
        log({ event: 'upkeep failed', collection, error: describeError(error) });
      })
      .finally(() => looking.delete(work));
    looking.add(work);
  }

  return {
    touch(reference, wrote) {
      const key = JSON.stringify([reference.tenant, reference.name, reference.uid]);
      if (!wrote && seen.has(key)) return;
      if (seen.size > 10_000) seen.clear();
      seen.add(key);
      const known = watched.get(key);
      const writtenAt = wrote ? performance.now() : (known?.writtenAt ?? 0);
      if (known) known.writtenAt = writtenAt;
      else if (!closed.signal.aborted) {
        const own = { reference, writtenAt };
        watched.set(key, own);
        start(key, own);
      }
    },
    isBuilding: (uid) => building.has(uid),
    async settled() {
      while (looking.size > 0) await Promise.all([...looking]);
    },
    async close() {
      closed.abort(new Error('the worker is stopping'));
      // LanceDB cannot be told to stop; what it has not committed is as if it had not begun.
      await Promise.race([Promise.allSettled([...looking]), sleep(LEAVE_MILLISECONDS)]);
    },
  };
}
