/**
 * Writes to collections, gathered: while one commit is under way, whoever wants to write to the same collection
 * waits for the next, which takes all of them. A write is over when it is committed. A commit writes files of
 * its own and costs 10 ms and more, so that single ones would be slow and leave thousands of files behind.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { isConflict } from './failures.ts';
import { quoted } from './filter.ts';
import { type Row, toArrow } from './rows.ts';
import type { Opened, Reference, Tables } from './tables.ts';

/** Numbers of the vectors of one commit at most: 64 MB. */
const MOST_NUMBERS = 16_000_000;
/** Times that a commit is tried when other processes commit before it. */
const TRIES = 12;
const PAUSE_MILLISECONDS = 20;

type Change =
  | { readonly kind: 'put'; readonly rows: readonly Row[] }
  | { readonly kind: 'delete'; readonly ids: readonly string[] };

interface Waiting {
  readonly change: Change;
  readonly done: (rows: number) => void;
  readonly failed: (error: unknown) => void;
}

interface Queue {
  readonly reference: Reference;
  readonly waiting: Waiting[];
}

export interface Writes {
  /** Adds rows, or puts them in place of those with their ids. All are committed when it resolves. */
  put(reference: Reference & { readonly uid: string }, rows: readonly Row[]): Promise<void>;
  /** @returns how many rows there were */
  delete(reference: Reference & { readonly uid: string }, ids: readonly string[]): Promise<number>;
}

const numbersIn = (change: Change): number =>
  change.kind === 'put' ? change.rows.reduce((sum, { vector }) => sum + vector.length, 0) : 0;

/** The first changes of one kind, as many as one commit takes. */
export function gather(waiting: Waiting[]): Waiting[] {
  const [first] = waiting;
  if (!first) return [];
  let numbers = 0;
  const end = waiting.findIndex(({ change }, i) => {
    numbers += numbersIn(change);
    return change.kind !== first.change.kind || (i > 0 && numbers > MOST_NUMBERS);
  });
  return waiting.splice(0, end < 0 ? waiting.length : end);
}

/** Rows by id: of several with one id the last that came counts. */
const lastOfEach = (changes: readonly Change[]): Row[] => {
  const rows = new Map<string, Row>();
  for (const change of changes)
    if (change.kind === 'put') for (const row of change.rows) rows.set(row.id, row);
  return [...rows.values()];
};

async function commit(changes: readonly Change[], { table, description }: Opened): Promise<number> {
  const [first] = changes;
  if (first?.kind === 'put') {
    const rows = toArrow(lastOfEach(changes), description);
    // An index on `id` would be used without a look at what others add meanwhile: ids came twice.
    await table
      .mergeInsert('id')
      .whenMatchedUpdateAll()
      .whenNotMatchedInsertAll()
      .useIndex(false)
      .execute(rows);
    return rows.numRows;
  }
  const ids = changes.flatMap((change) => (change.kind === 'delete' ? change.ids : []));
  const { numDeletedRows } = await table.delete(`\`id\` IN (${ids.map(quoted).join(', ')})`);
  return numDeletedRows;
}

/** @param onCommit told after each commit */
export function createWrites(tables: Tables, onCommit: (reference: Reference) => void): Writes {
  const queues = new Map<string, Queue>();

  async function commitPatiently(
    reference: Reference,
    changes: readonly Change[],
  ): Promise<number> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await tables.use(reference, (opened) => commit(changes, opened));
      } catch (error) {
        const cause = error instanceof Error ? (error.cause ?? error) : error;
        if (!isConflict(cause) || attempt === TRIES) throw error;
        await sleep(PAUSE_MILLISECONDS * attempt * (0.5 + Math.random()));
      }
    }
  }

  async function work(key: string, queue: Queue): Promise<void> {
    const { reference, waiting } = queue;
    while (waiting.length > 0) {
      // Deletions count what there was, so that each is told its own number.
      const isDeletion = waiting[0]?.change.kind === 'delete';
      const together = isDeletion ? waiting.splice(0, 1) : gather(waiting);
      try {
        const rows = await commitPatiently(
          reference,
          together.map(({ change }) => change),
        );
        for (const { done } of together) done(rows);
        onCommit(reference);
      } catch (error) {
        for (const { failed } of together) failed(error);
      }
    }
    queues.delete(key);
  }

  const enter = (
    reference: Reference & { readonly uid: string },
    change: Change,
  ): Promise<number> =>
    new Promise((done, failed) => {
      const { tenant, name, uid } = reference;
      const key = JSON.stringify([tenant, name, uid]);
      const queue = queues.get(key);
      if (queue) {
        queue.waiting.push({ change, done, failed });
        return;
      }
      const made: Queue = { reference, waiting: [{ change, done, failed }] };
      queues.set(key, made);
      void work(key, made);
    });

  return {
    put: async (reference, rows) => {
      if (rows.length > 0) await enter(reference, { kind: 'put', rows });
    },
    delete: (reference, ids) => enter(reference, { kind: 'delete', ids }),
  };
}
