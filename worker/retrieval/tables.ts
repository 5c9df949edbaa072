/** Collections as tables: made, found, listed, dropped. A table is opened for each use, so that none is stale. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { NewCollection } from '../../shared/api/collectionWork.ts';
import { refusal } from '../../shared/api/problem.ts';
import { type Description, readDescription, type Tuning, tableSchema } from './description.ts';
import { asRefusal, isAbsent, isPresent, isRefilled, unknownCollection } from './failures.ts';
import { type Closed, createGate } from './gate.ts';
import type { Table } from './lance.ts';
import type { Databases } from './place.ts';

export interface Opened {
  readonly table: Table;
  readonly description: Description;
  readonly tuning: Tuning | undefined;
}

/** A collection that somebody has looked at: the name alone may mean another one by now. */
export interface Reference {
  readonly tenant: string;
  readonly name: string;
  /** Absent for whichever has the name. */
  readonly uid?: string | undefined;
}

export interface Tables {
  /** @throws FailureError `collection_exists`; `store_unavailable` also while one of that name is being deleted */
  create(tenant: string, collection: NewCollection): Promise<Description>;
  /** The result of the work. @throws FailureError `unknown_collection`, `store_unavailable`; as the work */
  use<T>(reference: Reference, work: (opened: Opened) => Promise<T>): Promise<T>;
  /** Names in order. */
  names(tenant: string, after: string | undefined, limit: number): Promise<readonly string[]>;
  /** Whoever is at work on it is waited for a moment. @throws FailureError `unknown_collection` */
  drop(reference: Reference): Promise<void>;
}

/** What is waited for work on a collection that is deleted: a commit takes less, an index more. */
const LEAVE_MILLISECONDS = 2_000;
/** Times that a table is deleted while another process still writes to its folder. */
const DROPS = 5;
const PAUSE_MILLISECONDS = 50;

const keyOf = ({ tenant, name }: Reference): string => JSON.stringify([tenant, name]);

export function createTables(databases: Databases): Tables {
  const gate = createGate();

  async function uidOf({ tenant, name }: Reference): Promise<string | undefined> {
    let table: Table | undefined;
    try {
      table = await (await databases.of(tenant)).openTable(name);
      return (await readDescription(table)).description.uid;
    } catch {
      return undefined;
    } finally {
      table?.close();
    }
  }

  async function remove({ tenant, name }: Reference): Promise<void> {
    const database = await databases.of(tenant);
    for (let attempt = 1; ; attempt++) {
      try {
        return await database.dropTable(name);
      } catch (error) {
        if (attempt > 1 && isAbsent(error)) return;
        if (!isRefilled(error) || attempt === DROPS) throw error;
        await sleep(PAUSE_MILLISECONDS * attempt);
      }
    }
  }

  /** Removes what work that went on after the deletion has put back, and then lets others in. */
  async function sweep(reference: Reference, uid: string | undefined, closed: Closed) {
    try {
      await closed.empty;
      if (uid !== undefined && (await uidOf(reference)) === uid) await remove(reference);
    } catch {
      // What is left can be deleted as any collection.
    } finally {
      closed.reopen();
    }
  }

  return {
    async create(tenant, { name, embedding, dimensions, metadata }) {
      const description: Description = {
        format: 1,
        uid: randomUUID(),
        name,
        created_at: new Date().toISOString(),
        embedding,
        dimensions,
        metadata,
      };
      const database = await databases.of(tenant).catch((error) => {
        throw asRefusal(error, name);
      });
      if (gate.isClosed(keyOf({ tenant, name }))) {
        const detail = `a collection ${name} is being deleted; its name is free in a moment`;
        throw refusal('store_unavailable', detail, '/name', { retryAfterSeconds: 2 });
      }
      try {
        const table = await database.createEmptyTable(name, tableSchema(description));
        table.close();
        return description;
      } catch (error) {
        if (!isPresent(error)) throw asRefusal(error, name);
        throw refusal('collection_exists', `there is a collection ${name} already`, '/name');
      }
    },
    async use({ tenant, name, uid }, work) {
      const leave = gate.enter(keyOf({ tenant, name }));
      if (!leave) throw unknownCollection(name);
      let table: Table | undefined;
      try {
        const database = await databases.of(tenant);
        table = await database.openTable(name);
        const read = await readDescription(table);
        if (uid !== undefined && read.description.uid !== uid) throw unknownCollection(name);
        return await work({ table, ...read });
      } catch (error) {
        throw asRefusal(error, name);
      } finally {
        table?.close();
        leave();
      }
    },
    async names(tenant, after, limit) {
      try {
        const database = await databases.of(tenant);
        return await database.tableNames({
          limit,
          ...(after !== undefined && { startAfter: after }),
        });
      } catch (error) {
        throw asRefusal(error, '');
      }
    },
    async drop(reference) {
      const { name } = reference;
      const closed = gate.close(keyOf(reference));
      if (!closed) throw unknownCollection(name);
      let swept: Promise<void> | undefined;
      try {
        const late = new AbortController();
        const patience = sleep(LEAVE_MILLISECONDS, undefined, { signal: late.signal });
        await Promise.race([closed.empty, patience]).finally(() => late.abort());
        const uid = closed.isEmpty() ? undefined : await uidOf(reference);
        await remove(reference);
        if (!closed.isEmpty()) swept = sweep(reference, uid, closed);
      } catch (error) {
        throw isAbsent(error) ? unknownCollection(name) : asRefusal(error, name);
      } finally {
        if (!swept) closed.reopen();
      }
    },
  };
}
