/** Collections as tables: made, found, listed, dropped. A table is opened for each use, so that none is stale. */
import { randomUUID } from 'node:crypto';
import type { NewCollection } from '../../shared/api/collectionWork.ts';
import { refusal } from '../../shared/api/problem.ts';
import { type Description, readDescription, type Tuning, tableSchema } from './description.ts';
import { asRefusal, isAbsent, isPresent, unknownCollection } from './failures.ts';
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
  /** @throws FailureError `collection_exists` */
  create(tenant: string, collection: NewCollection): Promise<Description>;
  /** The result of the work. @throws FailureError `unknown_collection`, `store_unavailable`; as the work */
  use<T>(reference: Reference, work: (opened: Opened) => Promise<T>): Promise<T>;
  /** Names in order. */
  names(tenant: string, after: string | undefined, limit: number): Promise<readonly string[]>;
  /** @throws FailureError `unknown_collection` */
  drop(reference: Reference): Promise<void>;
}

export function createTables(databases: Databases): Tables {
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
    async drop({ tenant, name }) {
      try {
        await (await databases.of(tenant)).dropTable(name);
      } catch (error) {
        throw isAbsent(error) ? unknownCollection(name) : asRefusal(error, name);
      }
    },
  };
}
