/**
 * Accounts in the store. Each revision is an object of its own, written only where there is none, which of two writers
 * tells one that he was too late, on every store and between processes:
 *
 *   credit/<tenant>/<number>.json     numbers go down, so that the newest revision is listed first
 *
 * Whoever does not know what became of a write reads again: what he wanted is in the document, or it is not.
 */
import { readStored } from '../results/stored.ts';
import type { Store } from '../store/store.ts';
import { type Account, accountSchema, emptyAccount } from './account.ts';

export interface AccountStore {
  /** @throws what the store throws; Error when the newest revision is damaged */
  read(tenant: string): Promise<Account>;
  /**
   * Changes an account.
   * @param next undefined where there is nothing to change, also because it was changed before
   * @returns the account after it
   * @throws what the store throws; Error when others change it again and again
   */
  change(tenant: string, next: (before: Account) => Account | undefined): Promise<Account>;
  /** Removes revisions that nobody reads any more. */
  prune(tenant: string): Promise<void>;
}

export interface AccountStoreOptions {
  readonly random?: () => number;
  readonly pause?: (milliseconds: number) => Promise<void>;
}

const LAST = 999_999_999_999;
const DIGITS = 12;
/** Revisions that stay. */
const KEPT = 200;
/** A writer who is so far behind may have written where a revision was that is pruned since. */
const FAR_BEHIND = KEPT / 2;
const TRIES = 40;
const PAUSE_MILLISECONDS = { first: 4, most: 250 } as const;

const sleep = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

export function createAccountStore(
  store: Store,
  { random = Math.random, pause = sleep }: AccountStoreOptions = {},
): AccountStore {
  const folder = (tenant: string): string => `credit/${tenant}/`;
  const place = (tenant: string, revision: number): string =>
    `${folder(tenant)}${String(LAST - revision).padStart(DIGITS, '0')}.json`;
  const revisionOf = (key: string): number => LAST - Number(key.slice(-DIGITS - 5, -5));

  async function newest(tenant: string): Promise<number> {
    const [first] = (await store.list(folder(tenant))).keys;
    return first === undefined ? 0 : revisionOf(first);
  }

  async function read(tenant: string): Promise<Account> {
    const revision = await newest(tenant);
    if (revision === 0) return emptyAccount(tenant);
    const found = await readStored(store, place(tenant, revision), accountSchema);
    if (found.state === 'found') return found.value;
    // An older revision would give away again what is spent.
    throw new Error(`the credit of ${tenant} cannot be read: revision ${revision} is damaged`);
  }

  /** False where another wrote the revision, or nobody can tell. */
  async function write(account: Account): Promise<boolean> {
    const body = new TextEncoder().encode(JSON.stringify(account));
    const options = { contentType: 'application/json', ifNoneMatch: '*' } as const;
    const { tenant, revision } = account;
    if (!(await store.put(place(tenant, revision), body, options)).ok) return false;
    return (await newest(tenant)) - revision < FAR_BEHIND;
  }

  return {
    read,
    async change(tenant, next) {
      let trouble: unknown;
      for (let tries = 0; tries < TRIES; tries++) {
        if (tries > 0) {
          const most = Math.min(PAUSE_MILLISECONDS.most, PAUSE_MILLISECONDS.first * 2 ** tries);
          await pause(most * random());
        }
        const before = await read(tenant);
        const after = next(before);
        if (!after) return before;
        try {
          if (await write(after)) return after;
          trouble = undefined;
        } catch (error) {
          // It may have been written all the same: the next reading tells. A store that is out of order is not asked on.
          if (trouble !== undefined) throw error;
          trouble = error;
        }
      }
      throw new Error(`others change the credit of ${tenant} again and again`);
    },
    async prune(tenant) {
      const { keys } = await store.list(folder(tenant));
      for (const key of keys.slice(KEPT)) await store.delete(key);
    },
  };
}
