/**
 * Heads in the store. Each version has a file, named by its hash, and a description beside it; `head.json` says
 * which versions there are, and is written last and only over what was read: a version is there as a whole or not
 * at all, and of two writers at once neither loses his own.
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
  /** The oldest first. */
  versions: z.array(z.object({ version: headVersionSchema, created_at: z.string() })).min(1),
});
type Versions = z.infer<typeof versionsSchema>;

/** Versions that a head keeps; the oldest goes when another comes. */
export const MOST_VERSIONS = 50;
/** Heads that a tenant may have. */
export const MOST_HEADS = 1000;
/** Tries at writing over what another has written meanwhile. */
const TRIES = 8;

const SAFETENSORS = 'application/octet-stream';

const folderOf = (tenant: string, name: string): string => `heads/${tenant}/${name}`;
const indexKey = (tenant: string, name: string): string => `${folderOf(tenant, name)}/head.json`;
const hex = (version: string): string => version.slice('sha256:'.length);
const descriptionKey = (tenant: string, name: string, version: string): string =>
  `${folderOf(tenant, name)}/${hex(version)}.json`;

/** Where the file of a version lies, for those who read it themselves. */
export const headFileKey = (tenant: string, name: string, version: string): string =>
  `${folderOf(tenant, name)}/${hex(version)}.safetensors`;

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

  /** Writes what `change` makes of the index; undefined leaves none. @returns what was there before */
  async function changeIndex(
    name: string,
    change: (before: Versions | undefined) => Versions | undefined,
  ): Promise<Versions | undefined> {
    const key = indexKey(tenant, name);
    for (let tries = 0; tries < TRIES; tries++) {
      const found = await readIndex(name);
      const after = change(found?.index);
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

  async function removeFiles(name: string, versions: readonly string[]): Promise<void> {
    for (const version of versions) {
      await store.delete(descriptionKey(tenant, name, version));
      await store.delete(headFileKey(tenant, name, version));
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
      if (!found) throw unknown(name, undefined, pointer);
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
        await store.put(headFileKey(tenant, name, version), file, { contentType: SAFETENSORS });
        await writeStored(store, descriptionKey(tenant, name, version), kept);
        let gone: string[] = [];
        await changeIndex(name, (found) => {
          const others = (found?.versions ?? []).filter((one) => one.version !== version);
          const room = others.slice(-(MOST_VERSIONS - 1));
          gone = others.slice(0, others.length - room.length).map((one) => one.version);
          return { format: 1, name, versions: [...room, { version, created_at }] };
        });
        await removeFiles(name, gone);
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
        const before = await changeIndex(name, (found) => {
          if (!found) throw unknown(name);
          if (version === undefined) return undefined;
          const left = found.versions.filter((one) => one.version !== version);
          if (left.length === found.versions.length) throw unknown(name, version);
          return left.length === 0 ? undefined : { ...found, versions: left };
        });
        const gone = (before?.versions ?? [])
          .map((one) => one.version)
          .filter((one) => version === undefined || one === version);
        await removeFiles(name, gone);
        return gone.length;
      }),
  };
}
