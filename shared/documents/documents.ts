/**
 * Documents of tenants, of which every change is an object of its own (`revisions.ts`):
 *
 *   <folder>/<tenant>/<id>/<revision>.json
 *
 * Ids sort by time, the newest first: so a page of a listing is a few keys.
 */
import type * as z from 'zod';
import type { Store } from '../store/store.ts';
import { deleteUnder, inSlices } from './keys.ts';
import { createRevisions, documentsUnder, type Revised } from './revisions.ts';

export interface DocumentName {
  readonly tenant: string;
  readonly id: string;
}

export interface DocumentPage<D> {
  readonly documents: readonly D[];
  /** Absent on the last page. */
  readonly next?: string;
}

export interface DocumentPageWish<D> {
  readonly limit: number;
  /** `next` of the page before. */
  readonly after?: string | undefined;
  /** Others are left out. */
  readonly fits?: (document: D) => boolean;
}

/** Every function throws what the store throws when it is out of order. */
export interface Documents<D> {
  read(name: DocumentName): Promise<D | undefined>;
  /** The revision right behind a document's, if there is one: one request, where `read` lists as well. */
  successor(document: D): Promise<D | undefined>;
  /** False when another has written this revision. */
  write(document: D): Promise<boolean>;
  /** The newest first. */
  page(tenant: string, wish: DocumentPageWish<D>): Promise<DocumentPage<D>>;
  /** Removes a document with all of its revisions. */
  remove(name: DocumentName): Promise<void>;
}

/** Documents that are looked at for one page; a filter that few fit answers short pages. */
const MOST_LOOKED_AT = 500;
/** Documents that are read at once. */
const AT_ONCE = 16;

export function createDocuments<D extends Revised & DocumentName>(
  store: Store,
  folder: string,
  schema: z.ZodType<D>,
): Documents<D> {
  const revisions = createRevisions(store, schema);
  const place = ({ tenant, id }: DocumentName): string => `${folder}/${tenant}/${id}/`;

  return {
    read: (name) => revisions.read(place(name)),
    successor: (document) => revisions.successor(place(document), document),
    write: (document) => revisions.write(place(document), document),
    async page(tenant, { limit, after, fits = () => true }) {
      const found: D[] = [];
      let [lookedAt, last] = [0, after];
      const all = documentsUnder(store, `${folder}/${tenant}/`, after);
      for await (const slice of inSlices(all, AT_ONCE)) {
        const read = await Promise.all(slice.map(([, keys]) => revisions.newest(keys)));
        for (const [index, [id]] of slice.entries()) {
          // There is at least this one more.
          const isFull = found.length === limit || lookedAt === MOST_LOOKED_AT;
          if (isFull && last !== undefined) return { documents: found, next: last };
          const document = read[index];
          if (document && fits(document)) found.push(document);
          last = id;
          lookedAt++;
        }
      }
      return { documents: found };
    },
    // The revision that holds goes last, so that nobody reads an older one.
    remove: (name) => deleteUnder(store, place(name)),
  };
}
