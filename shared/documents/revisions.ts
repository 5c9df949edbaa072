/**
 * Documents in the store of which every change is an object of its own, written only where there is none yet: of two
 * who change a document at once, one is told that he was too late, on every store and between processes.
 *
 *   <folder of the document>/<revision>.json     the highest revision holds
 */
import type * as z from 'zod';
import { readStored } from '../results/stored.ts';
import type { Store } from '../store/store.ts';

/** What every such document has. */
export interface Revised {
  /** From 1; each change has the next one. */
  readonly revision: number;
}

/** Every function throws what the store throws when it is out of order. */
export interface Revisions<T extends Revised> {
  /** @param folder of the document, with `/` at its end */
  read(folder: string): Promise<T | undefined>;
  /** The newest of some revisions that is whole: what is damaged counts as never written. */
  newest(keys: readonly string[]): Promise<T | undefined>;
  /** The revision right behind a document's, if there is one: one request, where `read` lists as well. */
  successor(folder: string, document: T): Promise<T | undefined>;
  /** False when another has written this revision. */
  write(folder: string, document: T): Promise<boolean>;
}

/** Behind every revision. */
const END = '999999.json';

const keyOf = (folder: string, revision: number): string =>
  `${folder}${String(revision).padStart(6, '0')}.json`;

/** Every key with a prefix, in ascending order. */
export async function* keysUnder(
  store: Store,
  prefix: string,
  after?: string,
): AsyncGenerator<string, void, undefined> {
  for (let cursor: string | undefined, isFirst = true; isFirst || cursor; isFirst = false) {
    const page = await store.list(prefix, cursor, isFirst ? after : undefined);
    yield* page.keys;
    cursor = page.cursor;
  }
}

/** A document's name and the keys of its revisions. */
export type RevisionKeys = readonly [name: string, keys: string[]];

/**
 * The revisions of each document whose folder lies right under a prefix, document by document.
 * @param after the name of the document behind which the first one lies
 */
export async function* documentsUnder(
  store: Store,
  prefix: string,
  after?: string,
): AsyncGenerator<RevisionKeys, void, undefined> {
  const behind = after === undefined ? undefined : `${prefix}${after}/${END}`;
  let group: RevisionKeys | undefined;
  for await (const key of keysUnder(store, prefix, behind)) {
    const name = key.slice(prefix.length).split('/')[0] ?? '';
    if (group?.[0] === name) group[1].push(key);
    else {
      if (group) yield group;
      group = [name, [key]];
    }
  }
  if (group) yield group;
}

export function createRevisions<T extends Revised>(
  store: Store,
  schema: z.ZodType<T>,
): Revisions<T> {
  const revisions: Revisions<T> = {
    async read(folder) {
      const keys: string[] = [];
      for await (const key of keysUnder(store, folder)) keys.push(key);
      return await revisions.newest(keys);
    },
    async newest(keys) {
      for (const key of keys.toReversed()) {
        const found = await readStored(store, key, schema);
        if (found.state === 'found') return found.value;
      }
      return undefined;
    },
    async successor(folder, { revision }) {
      const found = await readStored(store, keyOf(folder, revision + 1), schema);
      return found.state === 'found' ? found.value : undefined;
    },
    async write(folder, document) {
      const key = keyOf(folder, document.revision);
      const body = new TextEncoder().encode(JSON.stringify(document));
      const options = { contentType: 'application/json', ifNoneMatch: '*' } as const;
      return (await store.put(key, body, options)).ok;
    },
  };
  return revisions;
}
