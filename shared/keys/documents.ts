/** What is kept of API keys and of tenants: never a key itself, nor a part of one. */
import * as z from 'zod';

/** A step of every key in the store that is a tenant's: in lower case, since some file systems ignore case. */
export const tenantNameSchema = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9-]{0,62}$/,
    'a tenant has 1 to 63 small letters, digits or dashes, and begins with a letter or a digit',
  );

const bound = z.number().int().min(1).max(1_000_000_000_000);

/** What is not bounded is left out. A key's bounds hold beside those of its tenant. */
export const limitsSchema = z.object({
  requests_per_minute: bound.optional(),
  /** Units as a dry run tells them. */
  units_per_minute: bound.optional(),
  /** Jobs of the tenant that have not ended. */
  concurrent_jobs: bound.optional(),
  /** Bytes of one body. */
  body_bytes: bound.optional(),
});
export type Limits = z.output<typeof limitsSchema>;

/** Unix milliseconds. */
const milliseconds = z.number().int().min(0);

/** A scope that opens every route. */
export const ALL_SCOPES = '*';

export const keyDocumentSchema = z.object({
  format: z.literal(1),
  /** What it is called where it may be seen. */
  id: z.string(),
  tenant: tenantNameSchema,
  /** For people, to tell keys apart. */
  name: z.string().max(100),
  /** Scopes of `shared/api/route.ts`, or `*`. Later versions may know others. */
  scopes: z.array(z.string().max(64)).max(64),
  limits: limitsSchema,
  created: milliseconds,
  /** From then on it is refused. */
  expires: milliseconds.optional(),
  revoked: milliseconds.optional(),
  /** The id of the key that takes its place. */
  replaced_by: z.string().optional(),
});
export type KeyDocument = z.output<typeof keyDocumentSchema>;

/** A tenant has a document when something is to be said of it; any tenant of a key may be without one. */
export const tenantDocumentSchema = z.object({
  format: z.literal(1),
  tenant: tenantNameSchema,
  limits: limitsSchema,
});
export type TenantDocument = z.output<typeof tenantDocumentSchema>;

export type KeyState = 'valid' | 'expired' | 'revoked';

/** @param now unix milliseconds */
export function stateOf({ revoked, expires }: KeyDocument, now: number): KeyState {
  if (revoked !== undefined) return 'revoked';
  return expires !== undefined && expires <= now ? 'expired' : 'valid';
}

export const allows = ({ scopes }: KeyDocument, scope: string): boolean =>
  scopes.includes(ALL_SCOPES) || scopes.includes(scope);
