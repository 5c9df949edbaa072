/**
 * The secrets that sign a tenant's webhooks, in the store. The first one is made when it is needed; a new one takes
 * its place when somebody asks, and the old one signs as well for a day, so that receivers can change over.
 *
 *   webhook-secrets/<tenant>/<revision>.json    the highest revision holds
 */
import * as z from 'zod';
import { createRevisions } from '../documents/revisions.ts';
import { present } from '../lookup.ts';
import type { Store } from '../store/store.ts';
import type { Sealing } from './sealing.ts';
import { createSecret } from './signature.ts';

/** How long a secret signs beside the one that took its place. */
export const OVERLAP_MILLISECONDS = 24 * 3_600_000;
/** Secrets that sign at the same time. */
export const MOST_SECRETS = 8;
/** Tries at a change that others make as well. */
const TRIES = 5;

const milliseconds = z.number().int().min(0);
const secretsSchema = z.object({
  format: z.literal(1),
  revision: z.number().int().min(1),
  /** The newest first. */
  secrets: z.array(
    z.object({
      created: milliseconds,
      /** Of an old one. */
      until: milliseconds.optional(),
      secret: z.union([z.object({ plain: z.string() }), z.object({ sealed: z.string() })]),
    }),
  ),
});
type Secrets = z.infer<typeof secretsSchema>;

export interface SigningSecret {
  readonly secret: string;
  /** Unix milliseconds, as `until`. */
  readonly created: number;
  /** Of an old one: until when it signs. */
  readonly until?: number;
}

/** Every function throws what the store throws, and Error where a secret does not open. */
export interface WebhookSecrets {
  /** What signs now, the newest first; at least one. */
  signing(tenant: string): Promise<readonly SigningSecret[]>;
  /** Puts a new one before them. */
  rotate(tenant: string): Promise<readonly SigningSecret[]>;
}

const folderOf = (tenant: string): string => `webhook-secrets/${tenant}/`;

/**
 * @param sealing undefined where the operator has set no key: secrets are as safe as the store then
 * @param now unix milliseconds
 */
export function createWebhookSecrets(
  store: Store,
  sealing: Sealing | undefined,
  now: () => number = Date.now,
): WebhookSecrets {
  const documents = createRevisions(store, secretsSchema);

  async function made(tenant: string): Promise<Secrets['secrets'][number]> {
    const secret = createSecret();
    const place = folderOf(tenant);
    return {
      created: now(),
      secret: sealing ? { sealed: await sealing.seal(secret, place) } : { plain: secret },
    };
  }

  async function open(
    secret: Secrets['secrets'][number]['secret'],
    tenant: string,
  ): Promise<string> {
    if ('plain' in secret) return secret.plain;
    if (sealing) return await sealing.open(secret.sealed, folderOf(tenant));
    throw new Error('the webhook secret is sealed, and FOURM_SECRETS_KEY is not set');
  }

  async function opened({ secrets }: Secrets, tenant: string): Promise<SigningSecret[]> {
    const all: SigningSecret[] = [];
    for (const { secret, created, until } of secrets) {
      if (until !== undefined && until <= now()) continue;
      const text = await open(secret, tenant);
      all.push({ secret: text, created, ...(until !== undefined && { until }) });
    }
    return all;
  }

  /** The document, made by a change of the one before. */
  async function changed(
    tenant: string,
    change: (before: Secrets | undefined) => Promise<Secrets | undefined>,
  ): Promise<Secrets> {
    for (let tries = 0; tries < TRIES; tries++) {
      const before = await documents.read(folderOf(tenant));
      const next = await change(before);
      if (!next) return present(before, 'the webhook secret');
      if (await documents.write(folderOf(tenant), next)) return next;
    }
    throw new Error('others change the webhook secret again and again');
  }

  return {
    async signing(tenant) {
      const found = await changed(tenant, async (before) =>
        before ? undefined : { format: 1, revision: 1, secrets: [await made(tenant)] },
      );
      return await opened(found, tenant);
    },
    async rotate(tenant) {
      const next = await changed(tenant, async (before) => {
        const until = now() + OVERLAP_MILLISECONDS;
        const old = (before?.secrets ?? [])
          .map((secret) => ({ ...secret, until: secret.until ?? until }))
          .filter((secret) => secret.until > now());
        const secrets = [await made(tenant), ...old].slice(0, MOST_SECRETS);
        return { format: 1, revision: (before?.revision ?? 0) + 1, secrets };
      });
      return await opened(next, tenant);
    },
  };
}
