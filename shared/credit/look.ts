/**
 * Looks at what tenants were charged, again and again. Sums and records never change once they are written, and neither do
 * claims and jobs that have ended: so each is read once as long as there is memory for it, and a further look reads what has
 * come since.
 */
import { isFinal, type JobDocument } from '../jobs/job.ts';
import { createHotStore } from '../store/hot.ts';
import type { Claims } from './claims.ts';
import { createDays } from './days.ts';
import type { FateServices } from './fate.ts';
import { createLedger } from './ledger.ts';
import type { Row } from './rows.ts';
import type { SettleServices } from './settle.ts';
import { type Standing, standingOf } from './standing.ts';
import { readOnce, type UsageServices, usageOn } from './usage.ts';

export interface UsageLook {
  readonly rows: readonly Row[];
  readonly standing: Standing;
}

/** What sums and records begin with. */
const PREFIX = 'usage';
const BYTES = 16 * 1024 * 1024;
/** Claims, and jobs, that are remembered. */
const MOST = 10_000;

/** The last of some values, by name. */
function createMemory<T>(): { get(name: string): T | undefined; keep(name: string, value: T): T } {
  const held = new Map<string, T>();
  return {
    get: (name) => held.get(name),
    keep(name, value) {
      const [oldest] = held.keys();
      if (held.size >= MOST && oldest !== undefined) held.delete(oldest);
      held.set(name, value);
      return value;
    },
  };
}

function rememberClaims(claims: Claims): Claims {
  const known = createMemory<ReadonlySet<string>>();
  return {
    async claim(place, owner, members) {
      const name = JSON.stringify([place.tenant, place.group, owner, members]);
      return known.get(name) ?? known.keep(name, await claims.claim(place, owner, members));
    },
  };
}

function rememberJobs(jobs: FateServices['jobs']): FateServices['jobs'] {
  const known = createMemory<Pick<JobDocument, 'status'>>();
  return {
    async read(job) {
      const name = `${job.tenant}/${job.id}`;
      const before = known.get(name);
      if (before) return before;
      const found = await jobs.read(job);
      return found && isFinal(found) ? known.keep(name, { status: found.status }) : found;
    },
  };
}

/** @returns what was charged on days in ascending order, and how the credit stands; throws what the store throws */
export function createUsageLook(
  services: SettleServices & UsageServices,
): (tenant: string, days: readonly string[]) => Promise<UsageLook> {
  const seconds = Number.POSITIVE_INFINITY;
  const store = createHotStore(services.store, { prefix: PREFIX, bytes: BYTES, seconds });
  const known = {
    ...services,
    days: createDays(store),
    claims: rememberClaims(services.claims),
    jobs: rememberJobs(services.jobs),
  };
  return async (tenant, days) => {
    const once = readOnce(store);
    const looking = { ...known, store: once, ledger: createLedger(once) };
    const [rows, standing] = await Promise.all([
      usageOn(looking, tenant, days),
      standingOf(looking, tenant),
    ]);
    return { rows, standing };
  };
}
