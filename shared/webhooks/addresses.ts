/**
 * Addresses that have said to want no more webhooks (410), by tenant.
 *
 *   webhook-addresses/<tenant>/<sha256 of the address>.json
 */
import * as z from 'zod';
import { sha256 } from '../results/content.ts';
import { readStored, writeStored } from '../results/stored.ts';
import type { Store } from '../store/store.ts';

const disabledSchema = z.object({
  /** Unix milliseconds. */
  since: z.number().int().min(0),
  /** The event that was answered so. */
  event: z.string(),
});
export type Disabled = z.infer<typeof disabledSchema>;

/** Every function throws what the store throws when it is out of order. */
export interface DisabledAddresses {
  find(tenant: string, url: string): Promise<Disabled | undefined>;
  disable(tenant: string, url: string, disabled: Disabled): Promise<void>;
  enable(tenant: string, url: string): Promise<void>;
}

export function createDisabledAddresses(store: Store): DisabledAddresses {
  const keyOf = async (tenant: string, url: string): Promise<string> =>
    `webhook-addresses/${tenant}/${await sha256(url)}.json`;
  return {
    async find(tenant, url) {
      const found = await readStored(store, await keyOf(tenant, url), disabledSchema);
      return found.state === 'found' ? found.value : undefined;
    },
    async disable(tenant, url, disabled) {
      await writeStored(store, await keyOf(tenant, url), disabled);
    },
    async enable(tenant, url) {
      await store.delete(await keyOf(tenant, url));
    },
  };
}
