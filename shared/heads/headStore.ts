/**
 * Heads in the store. Each version has a file, named by its hash, and a description beside it; `head.json` says
 * which versions there are, and is written last and only over what was read: a version is there as a whole or not
 * at all, and of two writers at once neither loses his own. Whoever deletes says in it first what goes, and takes that
 * back when the files are gone: a version that is kept meanwhile waits for that, so that its files stay.
 */
import * as z from 'zod';
import {
  type Head,
  headNameSchema,
  headSchema,
  headVersionSchema,
  type ListedHead,
} from '../api/heads.ts';
import { refusal } from '../api/problem.ts';
import { whileStoreWorks } from '../api/storeFailure.ts';
import { isoTime } from '../isoTime.ts';
import { writeJson } from '../json.ts';
import { sha256 } from '../results/content.ts';
import { readStored, writeStored } from '../results/stored.ts';
import type { Store } from '../store/store.ts';

const versionsSchema = z.object({
  format: z.literal(1),
  name: headNameSchema,
  /** The oldest first; none while the last ones are being deleted. */
  versions: z.array(z.object({ version: headVersionSchema, created_at: z.string() })),
  /** Versions whose files are being deleted. */
  leaving: z.array(headVersionSchema).optional(),
});
type Versions = z.infer<typeof versionsSchema>;

/** Versions that a head keeps; the oldest goes when another comes. */
export const MOST_VERSIONS = 50;
/** Heads that a tenant may have. */
export const MOST_HEADS = 1000;
/** Tries at writing over what another has written meanwhile. */
const TRIES = 8;
/** What is waited for a version that another deletes, who may have died of it. */
const LEAVE = { waits: 50, milliseconds: 100 } as const;

const SAFETENSORS = 'application/octet-stream';

const folderOf = (tenant: string, name: string): string => `heads/${tenant}/${name}`;
const indexKey = (tenant: string, name: string): string => `${folderOf(tenant, name)}/head.json`;
const hex = (version: string): string => version.slice('sha256:'.length);
const descriptionKey = (tenant: string, name: string, version: string): string =>
  `${folderOf(tenant, name)}/${hex(version)}.json`;

/** Where the file of a version lies, for those who read it themselves. */
export const headFileKey = (tenant: string, name: string, version: string): string =>
  `${folderOf(tenant, name)}/${hex(version)}.safetensors`;

const isLeaving = ({ versions, leaving = [] }: Versions, version: string): boolean =>
  versions.length === 0 || leaving.includes(version);

const withLeaving = ({ leaving: _, ...index }: Versions, leaving: readonly string[]): Versions => ({
  ...index,
  ...(leaving.length > 0 && { leaving: [...leaving] }),
});

export interface FoundHead {
  readonly head: Head;
  /** The newest first. */
  readonly versions: readonly { readonly version: string; readonly created_at: string }[];
}

export interface HeadStore {
  /** @throws FailureError `unknown_head` with this pointer, `store_unavailable` */
  find(name: string, version: string | undefined, pointer?: string): Promise<FoundHead>;
  /** Bytes of a version. @throws as `find` */
  file(name: string, version: string): Promise<Uint8Array<ArrayBuffer>>;
  /**
   * Keeps a version; the same bytes are the same version.
   * @throws FailureError `too_large` for one head too many, `store_unavailable`
   */
  keep(head: Omit<Head, 'version' | 'created_at'>, file: Uint8Array<ArrayBuffer>): Promise<Head>;
  /** @throws FailureError `store_unavailable` */
  list(): Promise<ListedHead[]>;
  /** @returns how many versions went. @throws as `find` */
  remove(name: string, version?: string): Promise<number>;
}

/**
 * @param tenant whose heads they are; a step of the store's keys
 * @param now unix milliseconds
 */
export function createHeadStore(
  store: Store,
  tenant: string,
  log: (line: string) => void,
  now: () => number = Date.now,
): HeadStore {
  const guarded = <T>(action: string, work: () => Promise<T>): Promise<T> =>
    whileStoreWorks(log, `heads cannot be ${action}`, work);
  const unknown = (name: string, version?: string, pointer?: string) =>
    refusal(
      'unknown_head',
      version === undefined
        ? `there is no head ${name}`
        : `the head ${name} has no version ${version}`,
      pointer,
    );

  /** With the etag to write over it by. */
  async function readIndex(name: string): Promise<{ index: Versions; etag: string } | undefined> {
    const lookup = await store.look(indexKey(tenant, name));
    if (lookup.state !== 'whole') return undefined;
    const text = new TextDecoder().decode(lookup.object.body);
    const parsed = versionsSchema.safeParse(JSON.parse(text));
    return parsed.success ? { index: parsed.data, etag: lookup.object.etag } : undefined;
  }

  /**
   * Writes what `change` makes of the index; undefined leaves none, which only an index without versions may come to:
   * nobody writes over such a one. @returns what was there before
   */
  async function changeIndex(
    name: string,
    change: (before: Versions | undefined) => Versions | undefined | Promise<Versions | undefined>,
  ): Promise<Versions | undefined> {
    const key = indexKey(tenant, name);
    for (let tries = 0; tries < TRIES; tries++) {
      const found = await readIndex(name);
      const after = await change(found?.index);
      if (!after) {
        await store.delete(key);
        return found?.index;
      }
      const condition = found ? { ifMatch: found.etag } : { ifNoneMatch: '*' as const };
      const body = await writeJson(after);
      const written = await store.put(key, body, { contentType: 'application/json', ...condition });
      if (written.ok) return found?.index;
    }
    throw new Error(`others write ${key} again and again`);
  }

  /** Removes the files of versions that the index says are leaving, and then lets others keep them again. */
  async function finishLeaving(name: string, gone: readonly string[]): Promise<void> {
    if (gone.length === 0) return;
    for (const version of gone) {
      await store.delete(descriptionKey(tenant, name, version));
      await store.delete(headFileKey(tenant, name, version));
    }
    await changeIndex(name, (found) => {
      const leaving = (found?.leaving ?? []).filter((one) => !gone.includes(one));
      if (!found || (found.versions.length === 0 && leaving.length === 0)) return undefined;
      return withLeaving(found, leaving);
    });
  }

  /** Resolves when nobody deletes the version, nor the whole head, or has not ended for long. */
  async function whenLeft(name: string, version: string): Promise<void> {
    for (let waits = 0; waits < LEAVE.waits; waits++) {
      const found = await readIndex(name);
      if (!found || !isLeaving(found.index, version)) return;
      await new Promise((resolve) => setTimeout(resolve, LEAVE.milliseconds));
    }
  }

  async function names(): Promise<string[]> {
    const prefix = `heads/${tenant}/`;
    const found: string[] = [];
    for (let cursor: string | undefined; ; ) {
      const page = await store.list(prefix, cursor);
      for (const key of page.keys)
        if (key.endsWith('/head.json')) found.push(key.slice(prefix.length, -'/head.json'.length));
      if (page.cursor === undefined) return found;
      cursor = page.cursor;
    }
  }

  const find: HeadStore['find'] = (name, version, pointer) =>
    guarded('read', async () => {
      const found = await readIndex(name);
      if (!found || found.index.versions.length === 0) throw unknown(name, undefined, pointer);
      const versions = [...found.index.versions].reverse();
      const chosen =
        version === undefined ? versions[0] : versions.find((one) => one.version === version);
      if (!chosen) throw unknown(name, version, pointer);
      const key = descriptionKey(tenant, name, chosen.version);
      const described = await readStored(store, key, headSchema);
      if (described.state !== 'found') throw unknown(name, chosen.version, pointer);
      return { head: described.value, versions };
    });

  return {
    find,
    file: (name, version) =>
      guarded('read', async () => {
        const object = await store.get(headFileKey(tenant, name, version));
        if (!object) throw unknown(name, version);
        return object.body;
      }),
    keep: (head, file) =>
      guarded('kept', async () => {
        const { name } = head;
        const version = `sha256:${await sha256(file)}`;
        const created_at = isoTime(now());
        const before = await readIndex(name);
        if (!before && (await names()).length >= MOST_HEADS) {
          const detail = `there are ${MOST_HEADS} heads, and no more are kept; delete some first`;
          throw refusal('too_large', detail);
        }
        const kept: Head = { ...head, version, created_at };
        let gone: string[] = [];
        await changeIndex(name, async (found) => {
          if (found && isLeaving(found, version)) await whenLeft(name, version);
          // Again at each try: the files of an earlier one may have been deleted with the version.
          await store.put(headFileKey(tenant, name, version), file, { contentType: SAFETENSORS });
          await writeStored(store, descriptionKey(tenant, name, version), kept);
          const others = (found?.versions ?? []).filter((one) => one.version !== version);
          const room = others.slice(-(MOST_VERSIONS - 1));
          gone = others.slice(0, others.length - room.length).map((one) => one.version);
          const versions = [...room, { version, created_at }];
          const leaving = (found?.leaving ?? []).filter((one) => one !== version);
          return withLeaving({ format: 1, name, versions }, [...leaving, ...gone]);
        });
        await finishLeaving(name, gone);
        return kept;
      }),
    list: () =>
      guarded('listed', async () => {
        const heads: ListedHead[] = [];
        for (const name of await names()) {
          const found = await readIndex(name);
          const newest = found?.index.versions.at(-1);
          if (found && newest)
            heads.push({ name, ...newest, versions: found.index.versions.length });
        }
        return heads;
      }),
    remove: (name, version) =>
      guarded('deleted', async () => {
        let gone: string[] = [];
        await changeIndex(name, (found) => {
          if (!found || found.versions.length === 0) throw unknown(name);
          const goes = (one: string): boolean => version === undefined || one === version;
          gone = found.versions.map((one) => one.version).filter(goes);
          if (gone.length === 0) throw unknown(name, version);
          const versions = found.versions.filter((one) => !goes(one.version));
          return withLeaving({ ...found, versions }, [...(found.leaving ?? []), ...gone]);
        });
        await finishLeaving(name, gone);
        return gone.length;
      }),
  };
}
