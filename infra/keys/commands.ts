/** What `npm run keys` does: keys made, listed, revoked, rotated, and what keys and tenants may use. */
import { parseArgs } from 'node:util';
import { TAGS } from '../../shared/api/route.ts';
import { isoTime } from '../../shared/isoTime.ts';
import {
  ALL_SCOPES,
  type KeyDocument,
  type Limits,
  limitsSchema,
  stateOf,
  tenantNameSchema,
} from '../../shared/keys/documents.ts';
import type { KeyStore } from '../../shared/keys/keyStore.ts';
import { type CreditServices, creditCommand } from './credit.ts';
import { CommandError } from './errors.ts';

export { CommandError } from './errors.ts';

export const USAGE = `usage: npm run keys -- COMMAND

  create --tenant TENANT [--name NAME] [--scopes generate,embed] [--expires 90d] [LIMITS]
      makes a key and shows it, once; every scope when none is named
  list [--tenant TENANT]
  revoke KEY
  rotate KEY [--grace 24h]
      makes a key like another, which is refused from then on (after a day unless told otherwise)
  limits KEY|--tenant TENANT [LIMITS]
      sets what one key, or all keys of a tenant together, may use; shows it when nothing is set

  credit TENANT [+AMOUNT] [--id ID]
      adds prepaid credit, in units of the currency of FOURM_PRICES, such as +25 or +0.5; shows it when no amount is
      given. A command that is repeated with the same id adds once

  KEY is what \`list\` calls it: key_...
  LIMITS  --requests N and --units N a minute, --jobs N that have not ended, --body-bytes N; \`none\` takes one away

The store is that of FOURM_STORE (disk when absent, or s3), FOURM_STORE_DIR and S3_..., as the edge has it.`;

const UNITS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** `90d` -> milliseconds. @throws CommandError */
function durationOf(text: string): number {
  const [, number, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  if (number !== undefined) return Number(number) * UNITS[unit as keyof typeof UNITS];
  throw new CommandError(`${text} is no time: write 30m, 24h or 90d`);
}

const SCOPES = new Set([...Object.keys(TAGS).filter((tag) => tag !== 'service'), 'classify']);
const DAY = '24h';

const OPTIONS = {
  tenant: { type: 'string' },
  name: { type: 'string' },
  scopes: { type: 'string' },
  expires: { type: 'string' },
  grace: { type: 'string' },
  id: { type: 'string' },
  requests: { type: 'string' },
  units: { type: 'string' },
  jobs: { type: 'string' },
  'body-bytes': { type: 'string' },
} as const;

const LIMITS = {
  requests: 'requests_per_minute',
  units: 'units_per_minute',
  jobs: 'concurrent_jobs',
  'body-bytes': 'body_bytes',
} as const satisfies Record<string, keyof Limits>;

type Values = Partial<Record<keyof typeof OPTIONS, string>>;

/** @throws CommandError */
function tenantOf({ tenant }: Values): string {
  const parsed = tenantNameSchema.safeParse(tenant);
  if (parsed.success) return parsed.data;
  throw new CommandError(`--tenant: ${parsed.error.issues[0]?.message ?? 'is needed'}`);
}

/** @throws CommandError */
function scopesOf({ scopes }: Values): string[] {
  if (scopes === undefined) return [ALL_SCOPES];
  const names = scopes.split(',').map((name) => name.trim());
  const unknown = names.filter((name) => name !== ALL_SCOPES && !SCOPES.has(name));
  if (unknown.length === 0) return names;
  const known = [...SCOPES].join(', ');
  throw new CommandError(`--scopes: there is no ${unknown.join(', ')}; there are ${known}`);
}

/** Limits with those of the command set, and those that it takes away left out. @throws CommandError */
function limitsOf(values: Values, before: Limits): Limits {
  const limits: Record<string, number | undefined> = { ...before };
  for (const [option, name] of Object.entries(LIMITS)) {
    const text = values[option as keyof typeof LIMITS];
    if (text === undefined) continue;
    delete limits[name];
    if (text !== 'none') limits[name] = Number(text);
  }
  const parsed = limitsSchema.safeParse(limits);
  if (parsed.success) return parsed.data;
  const wrong = parsed.error.issues.map(({ path }) => path.join('.')).join(', ');
  throw new CommandError(`${wrong} must be a whole number from 1, or none`);
}

const when = (milliseconds: number | undefined): string =>
  milliseconds === undefined ? '-' : isoTime(milliseconds);

const told = (limits: Limits): string =>
  Object.entries(limits)
    .map(([name, bound]) => `${name}=${bound}`)
    .join(' ') || 'no limits';

function line(key: KeyDocument, now: number): string {
  const { id, tenant, name, scopes, created, expires, limits } = key;
  const about = `${id}  ${tenant}  ${stateOf(key, now)}  created ${when(created)}  expires ${when(expires)}`;
  return `${about}  scopes ${scopes.join(',')}  ${told(limits)}${name && `  ${JSON.stringify(name)}`}`;
}

/** @throws CommandError */
function assertFound(key: KeyDocument | undefined, id: string): KeyDocument {
  if (key) return key;
  throw new CommandError(`there is no key ${id}; npm run keys -- list names them`);
}

function shown({ secret, key }: { secret: string; key: KeyDocument }, now: number): string[] {
  return [secret, '', line(key, now), 'The key is shown this once; only its hash is kept.'];
}

/**
 * @param now unix milliseconds
 * @returns lines to print
 * @throws CommandError for what is wrong with the command; what the store throws
 */
export async function runCommand(
  keys: KeyStore,
  args: readonly string[],
  now: number,
  credit?: CreditServices,
): Promise<string[]> {
  const [command, ...rest] = args;
  let parsed: { values: Values; positionals: string[] };
  try {
    parsed = parseArgs({ args: rest, options: OPTIONS, allowPositionals: true });
  } catch (cause) {
    throw new CommandError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
  const { values, positionals } = parsed;
  const [id = '', ...more] = positionals;
  if (more.length > (command === 'credit' ? 1 : 0)) throw new CommandError(USAGE);
  switch (command) {
    case 'create': {
      const { name = '', expires } = values;
      const made = await keys.create({
        tenant: tenantOf(values),
        name: name.slice(0, 100),
        scopes: scopesOf(values),
        limits: limitsOf(values, {}),
        created: now,
        ...(expires !== undefined && { expires: now + durationOf(expires) }),
      });
      return shown(made, now);
    }
    case 'list': {
      const found = await keys.list(values.tenant === undefined ? undefined : tenantOf(values));
      return found.length === 0 ? ['there are no keys'] : found.map((key) => line(key, now));
    }
    case 'revoke': {
      const revoked = await keys.change(id, (key) => ({ ...key, revoked: key.revoked ?? now }));
      return [line(assertFound(revoked, id), now), 'Every edge refuses it within a minute.'];
    }
    case 'rotate': {
      const end = now + durationOf(values.grace ?? DAY);
      const before = assertFound(await keys.change(id, (key) => key), id);
      if (stateOf(before, now) !== 'valid') throw new CommandError(`${id} is no longer valid`);
      // It ends with its grace, and a key like it would end then as well.
      if (before.replaced_by !== undefined)
        throw new CommandError(
          `${id} was rotated before: rotate ${before.replaced_by}, which took its place`,
        );
      const { format: _, id: __, ...same } = before;
      const made = await keys.create({ ...same, created: now });
      const expires = Math.min(before.expires ?? end, end);
      await keys.change(id, (key) => ({ ...key, expires, replaced_by: made.key.id }));
      return [...shown(made, now), `${id} is refused from ${when(expires)}.`];
    }
    case 'limits': {
      if (id !== '') {
        const key = await keys.change(id, (own) => ({
          ...own,
          limits: limitsOf(values, own.limits),
        }));
        return [line(assertFound(key, id), now)];
      }
      const { tenant, limits } = await keys.changeTenant(tenantOf(values), (before) => ({
        ...before,
        limits: limitsOf(values, before.limits),
      }));
      return [`${tenant}  ${told(limits)}`];
    }
    case 'credit': {
      if (!credit) throw new CommandError('there is no store of credit');
      const tenant = tenantOf({ tenant: id });
      const given = { text: more[0], ...(values.id !== undefined && { id: values.id }) };
      return await creditCommand(credit, tenant, given, now);
    }
    default:
      throw new CommandError(USAGE);
  }
}
