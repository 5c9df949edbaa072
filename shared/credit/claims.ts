/**
 * Which charge of the same work counts, where several were written: of a request that was sent again with its
 * Idempotency-Key after its edge had gone, or of a line of a batch that was asked for again. The first that claims it.
 *
 *   charge-claims/<tenant>/<group>/<number>.json     who claims which members, one behind the other
 */
import * as z from 'zod';
import { eachAtOnce } from '../atOnce.ts';
import { keysUnder } from '../documents/revisions.ts';
import { readStored } from '../results/stored.ts';
import type { Store } from '../store/store.ts';

const claimSchema = z.object({
  format: z.literal(1),
  owner: z.string(),
  members: z.array(z.string()),
});

export interface Claims {
  /**
   * @param owner who claims, by a name that he has again
   * @returns those of the members that are his
   * @throws what the store throws
   */
  claim(
    place: { readonly tenant: string; readonly group: string },
    owner: string,
    members: readonly string[],
  ): Promise<ReadonlySet<string>>;
}

const TRIES = 20;
/** Claims that are read at once. */
const AT_ONCE = 16;

export const createClaims = (store: Store): Claims => ({
  async claim({ tenant, group }, owner, members) {
    const folder = `charge-claims/${tenant}/${group}/`;
    for (let tries = 0; tries < TRIES; tries++) {
      const keys: string[] = [];
      for await (const key of keysUnder(store, folder)) keys.push(key);
      const claimed = await eachAtOnce(keys, AT_ONCE, async (key) => {
        const found = await readStored(store, key, claimSchema);
        if (found.state !== 'found') throw new Error(`the claim ${key} is damaged`);
        return found.value;
      });
      const owners = new Map<string, string>();
      for (const { members: own, owner: first } of claimed)
        for (const member of own) if (!owners.has(member)) owners.set(member, first);
      const wanted = members.filter((member) => !owners.has(member));
      const own = members.filter((member) => owners.get(member) === owner);
      if (wanted.length === 0) return new Set(own);
      const key = `${folder}${String(keys.length + 1).padStart(6, '0')}.json`;
      const body = new TextEncoder().encode(JSON.stringify({ format: 1, owner, members: wanted }));
      const options = { contentType: 'application/json', ifNoneMatch: '*' } as const;
      if ((await store.put(key, body, options)).ok) return new Set([...own, ...wanted]);
      // Somebody was first: the next reading tells who.
    }
    throw new Error(`others claim charges of ${group} again and again`);
  },
});
