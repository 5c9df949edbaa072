/** Where collections lie, and the databases in it: one for each tenant, so that no table can be another's. */
import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import type { Connection } from './lance.ts';
import { loadLance } from './lance.ts';

export interface CollectionsPlace {
  /** A folder, or `s3://BUCKET/PREFIX`. */
  readonly uri: string;
  /** Access to the bucket, by LanceDB's names; empty for a folder. */
  readonly storage: Readonly<Record<string, string>>;
}

export interface S3Access {
  readonly endpoint?: string | undefined;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** Access to S3 in the names that LanceDB has for it. */
export const s3Storage = (access: S3Access): Readonly<Record<string, string>> => ({
  aws_access_key_id: access.accessKeyId,
  aws_secret_access_key: access.secretAccessKey,
  region: access.region,
  ...(access.endpoint !== undefined && {
    endpoint: access.endpoint,
    allow_http: String(access.endpoint.startsWith('http:')),
    virtual_hosted_style_request: 'false',
  }),
});

/** Characters of a folder's name at most; file systems take 255. */
const NAME_LENGTH = 200;

/** The folder of a tenant: no two tenants share one, also where a file system ignores case. */
export function tenantFolder(tenant: string): string {
  const escaped = tenant.replaceAll(
    /[^a-z0-9_-]/gu,
    (character) => `=${Buffer.from(character).toString('hex')}.`,
  );
  if (escaped.length <= NAME_LENGTH) return `tenant-${escaped}`;
  return `hashed-${createHash('sha256').update(tenant).digest('hex')}`;
}

/** Bytes that all databases together keep of indices and of what files say of themselves. */
const INDEX_CACHE = 1024 ** 3;
const METADATA_CACHE = 256 * 1024 ** 2;
/** Databases that stay open. */
const MOST_OPEN = 64;

export interface Databases {
  /** The database of a tenant. Whatever another process has committed is seen by the next reading. */
  readonly of: (tenant: string) => Promise<Connection>;
  readonly close: () => Promise<void>;
}

export function createDatabases({ uri, storage }: CollectionsPlace): Databases {
  const open = new Map<string, Promise<Connection>>();
  const { lancedb } = loadLance();
  const session = new lancedb.Session(BigInt(INDEX_CACHE), BigInt(METADATA_CACHE));
  const isRemote = /^\w+:\/\//.test(uri);

  async function connect(tenant: string): Promise<Connection> {
    const address = `${uri.replace(/\/+$/, '')}/${tenantFolder(tenant)}`;
    if (!isRemote) await mkdir(address, { recursive: true });
    const options = { readConsistencyInterval: 0, storageOptions: { ...storage } };
    return await lancedb.connect(address, options, session);
  }

  return {
    of(tenant) {
      const known = open.get(tenant);
      const connection = known ?? connect(tenant);
      open.delete(tenant);
      open.set(tenant, connection);
      // One that could not be opened is tried anew the next time.
      if (!known) connection.catch(() => open.delete(tenant));
      const [oldest] = open.keys();
      // Left to the garbage collector: somebody may still use it.
      if (open.size > MOST_OPEN && oldest !== undefined) open.delete(oldest);
      return connection;
    },
    async close() {
      const all = await Promise.allSettled(open.values());
      open.clear();
      for (const one of all) if (one.status === 'fulfilled') one.value.close();
    },
  };
}
