/**
 * Keys and tenants in the store.
 *
 *   keys/<sha256 of the key>.json    a key's document
 *   tenants/<tenant>.json            what is said of a tenant
 *
 * Whoever changes a document writes over what he has read, or reads again.
 */
import type * as z from 'zod';
import { keysUnder } from '../documents/revisions.ts';
import { sha256 } from '../results/content.ts';
import { readStored } from '../results/stored.ts';
import type { Store } from '../store/store.ts';
import {
  type KeyDocument,
  keyDocumentSchema,
  type TenantDocument,
  tenantDocumentSchema,
} from './documents.ts';
import { createSecret, hashStartOf, keyIdOf } from './secret.ts';

export interface CreatedKey {
  /** The key itself, which is nowhere else. */
  readonly secret: string;
  readonly key: KeyDocument;
}

/** Every function throws what the store throws when it is out of order. */
export interface KeyStore {
  create(description: Omit<KeyDocument, 'format' | 'id'>): Promise<CreatedKey>;
  /** @param hash of `hashOfSecret`. @throws Error when the document is damaged */
  find(hash: string): Promise<KeyDocument | undefined>;
  /** All keys, or those of a tenant, the oldest first. */
  list(tenant?: string): Promise<KeyDocument[]>;
  /**
   * Changes a key.
   * @returns undefined where there is none of that id
   * @throws Error when others change it again and again
   */
  change(id: string, next: (key: KeyDocument) => KeyDocument): Promise<KeyDocument | undefined>;
  tenant(tenant: string): Promise<TenantDocument | undefined>;
  /** Changes what is said of a tenant, or says something for the first time. */
  changeTenant(
    tenant: string,
    next: (before: TenantDocument) => TenantDocument,
  ): Promise<TenantDocument>;
}

/** Tries at a change that others make as well. */
const TRIES = 5;

const keyPlace = (hash: string): string => `keys/${hash}.json`;
const tenantPlace = (tenant: string): string => `tenants/${tenant}.json`;
const textOf = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const JSON_TYPE = { contentType: 'application/json' } as const;

export function createKeyStore(store: Store): KeyStore {
  /** What is damaged is no key and no tenant without limits: it must not be taken for absent. */
  async function read<T>(place: string, schema: z.ZodType<T>): Promise<T | undefined> {
    const found = await readStored(store, place, schema);
    if (found.state === 'unusable') throw new Error(`${place} is damaged, or of another version`);
    return found.state === 'found' ? found.value : undefined;
  }

  async function change<T>(
    place: string,
    schema: z.ZodType<T>,
    next: (before: T | undefined) => T | undefined,
  ): Promise<T | undefined> {
    for (let tries = 0; tries < TRIES; tries++) {
      const lookup = await store.look(place);
      if (lookup.state === 'damaged') throw new Error(`${place} is damaged`);
      const there = lookup.state === 'whole' ? lookup.object : undefined;
      const before = there && schema.parse(JSON.parse(new TextDecoder().decode(there.body)));
      const after = next(before);
      if (after === undefined) return undefined;
      const condition = there ? { ifMatch: there.etag } : { ifNoneMatch: '*' as const };
      if ((await store.put(place, textOf(after), { ...JSON_TYPE, ...condition })).ok) return after;
    }
    throw new Error(`others change ${place} again and again`);
  }

  const find: KeyStore['find'] = (hash) => read(keyPlace(hash), keyDocumentSchema);

  return {
    find,
    async create(description) {
      const secret = await createSecret();
      const hash = await sha256(secret);
      const key: KeyDocument = { format: 1, id: keyIdOf(hash), ...description };
      const options = { ...JSON_TYPE, ifNoneMatch: '*' as const };
      if (!(await store.put(keyPlace(hash), textOf(key), options)).ok)
        throw new Error('there is such a key already');
      return { secret, key };
    },
    async list(tenant) {
      const keys: KeyDocument[] = [];
      for await (const place of keysUnder(store, 'keys/')) {
        const key = await read(place, keyDocumentSchema);
        if (key && (tenant === undefined || key.tenant === tenant)) keys.push(key);
      }
      return keys.sort((a, b) => a.created - b.created);
    },
    async change(id, next) {
      const start = hashStartOf(id);
      if (start === undefined) return undefined;
      for await (const place of keysUnder(store, `keys/${start}`))
        return await change(place, keyDocumentSchema, (key) => key && next(key));
      return undefined;
    },
    tenant: (tenant) => read(tenantPlace(tenant), tenantDocumentSchema),
    async changeTenant(tenant, next) {
      const none: TenantDocument = { format: 1, tenant, limits: {} };
      const changed = await change(tenantPlace(tenant), tenantDocumentSchema, (before = none) =>
        next(before),
      );
      return changed ?? none;
    },
  };
}
