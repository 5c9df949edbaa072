/**
 * Keys that this process or isolate has looked up. What it knows of a key holds for some seconds, so that a revoked one
 * is refused everywhere before a minute has passed. While the store is out of order what is known is believed for a
 * minute, and no longer.
 *
 * Who sends keys that do not exist costs little: what can be no key is never looked up, absent ones are remembered, of
 * all that is remembered there is a bound, and of keys never seen before only so many are looked up at once. Those that
 * are known are looked up again whatever strangers do.
 */
import { refusal } from '../api/problem.ts';
import { storeFailure } from '../api/storeFailure.ts';
import type { KeyDocument, TenantDocument } from './documents.ts';
import type { KeyStore } from './keyStore.ts';

export interface KnownKey {
  readonly key: KeyDocument;
  /** Undefined where nothing is said of the tenant. */
  readonly tenant: TenantDocument | undefined;
}

export interface KeyCache {
  /**
   * @param hash of `hashOfSecret`
   * @param keepAlive lets a lookup go on that others wait for
   * @throws FailureError `store_unavailable`; `overloaded` when too many strange keys are looked up
   */
  find(hash: string, keepAlive: (work: Promise<unknown>) => void): Promise<KnownKey | undefined>;
}

/** A revoked key is refused everywhere after this time, whatever the store does. */
const MOST_MILLISECONDS = 60_000;
/** How long an absent key is not looked up again. */
const ABSENT_MILLISECONDS = 5000;
const MOST_KNOWN = 10_000;
const MOST_ABSENT = 10_000;
const MOST_STRANGE_LOOKUPS = 64;

interface Entry {
  readonly known: KnownKey;
  /** When it was asked for. */
  readonly at: number;
}

/** Sets an entry as the youngest, and drops the oldest beyond a bound. */
function remember<V>(map: Map<string, V>, key: string, value: V, most: number): void {
  map.delete(key);
  map.set(key, value);
  const oldest = map.keys().next();
  if (map.size > most && !oldest.done) map.delete(oldest.value);
}

/** @param now unix milliseconds */
export function createKeyCache(
  keys: Pick<KeyStore, 'find' | 'tenant'>,
  ttlSeconds: number,
  log: (line: string) => void,
  now: () => number = Date.now,
): KeyCache {
  const entries = new Map<string, Entry>();
  const absent = new Map<string, number>();
  const lookups = new Map<string, Promise<KnownKey | undefined>>();
  let strangeLookups = 0;

  async function lookUp(hash: string): Promise<KnownKey | undefined> {
    const at = now();
    const key = await keys.find(hash);
    if (!key) {
      entries.delete(hash);
      remember(absent, hash, at, MOST_ABSENT);
      return undefined;
    }
    const known = { key, tenant: await keys.tenant(key.tenant) };
    remember(entries, hash, { known, at }, MOST_KNOWN);
    return known;
  }

  /** One lookup for all who ask for the same key at once. */
  function joined(hash: string, isStrange: boolean): Promise<KnownKey | undefined> {
    const running = lookups.get(hash);
    if (running) return running;
    if (isStrange && strangeLookups >= MOST_STRANGE_LOOKUPS) {
      const detail = 'too many keys are looked up now that were never seen here before';
      return Promise.reject(refusal('overloaded', detail, undefined, { retryAfterSeconds: 1 }));
    }
    if (isStrange) strangeLookups++;
    const lookup = lookUp(hash).finally(() => {
      lookups.delete(hash);
      if (isStrange) strangeLookups--;
    });
    lookups.set(hash, lookup);
    return lookup;
  }

  return {
    async find(hash, keepAlive) {
      const absentSince = absent.get(hash);
      if (absentSince !== undefined && now() - absentSince < ABSENT_MILLISECONDS) return undefined;
      const entry = entries.get(hash);
      if (entry && now() - entry.at < ttlSeconds * 1000) return entry.known;
      try {
        const lookup = joined(hash, entry === undefined);
        keepAlive(lookup);
        return await lookup;
      } catch (cause) {
        if (cause instanceof Error && cause.name === 'FailureError') throw cause;
        if (entry && now() - entry.at < MOST_MILLISECONDS) return entry.known;
        log(`keys cannot be read: ${cause instanceof Error ? cause.message : cause}`);
        throw storeFailure('keys cannot be checked', cause);
      }
    },
  };
}
