/**
 * What became of charges: spent, come back, still open, or made for work that another charge is for. A charge of a job is
 * spent when the job succeeds and comes back when it does not. Jobs and claims never change once they are decided, so
 * everybody who looks finds the same.
 */
import { eachAtOnce } from '../atOnce.ts';
import { isFinal, type JobDocument, type JobName } from '../jobs/job.ts';
import type { Claims } from './claims.ts';
import type { Charge } from './ledger.ts';

export type Fate = 'spent' | 'back' | 'open' | 'double';

export interface FateServices {
  readonly jobs: {
    readonly read: (name: JobName) => Promise<Pick<JobDocument, 'status'> | undefined>;
  };
  readonly claims: Claims;
  /** Unix milliseconds. */
  readonly now: () => number;
}

/** A charge whose job is not there after this time is one whose edge ended before it wrote the job. */
const ORPHAN_MILLISECONDS = 600_000;
/** Jobs that are read at once, and work that is claimed. */
const AT_ONCE = 16;

/** A record of the ledger of a tenant. */
export interface DecidableRecord {
  readonly lease: string;
  /** Its place in the log of the lease. */
  readonly number: number;
  readonly charges: readonly Charge[];
}

/** Charges of one record for the same work. */
interface Part {
  readonly record: number;
  /** Member -> the number of its charge in the record. */
  readonly members: Map<string, number>;
}

/**
 * The fates of the charges of records.
 * @param records the oldest first: of charges for the same work the first one is to count
 * @throws what the store throws
 */
export async function fatesOf(
  { jobs, claims, now }: FateServices,
  tenant: string,
  records: readonly DecidableRecord[],
): Promise<Fate[][]> {
  const ids = new Set(records.flatMap(({ charges }) => charges.flatMap(({ job }) => job ?? [])));
  const found = new Map(
    await eachAtOnce(
      [...ids],
      AT_ONCE,
      async (id) => [id, await jobs.read({ tenant, id })] as const,
    ),
  );
  const fateOfJob = ({ job: id, at }: Charge): Fate => {
    if (id === undefined) return 'spent';
    const job = found.get(id);
    if (!job) return now() - at > ORPHAN_MILLISECONDS ? 'back' : 'open';
    if (!isFinal(job)) return 'open';
    return job.status === 'succeeded' ? 'spent' : 'back';
  };
  const fates = records.map(({ charges }) => charges.map(fateOfJob));
  const doubled = (record: number, index: number): void => {
    const own = fates[record];
    if (own) own[index] = 'double';
  };
  // Only what would be spent claims: a job that failed leaves the charge to the one that did not.
  const groups = new Map<string, Part[]>();
  for (const [record, { charges }] of records.entries())
    for (const [index, { once }] of charges.entries()) {
      if (!once || fates[record]?.[index] !== 'spent') continue;
      const parts = groups.get(once.group) ?? [];
      groups.set(once.group, parts);
      const last = parts.at(-1);
      const part = last?.record === record ? last : { record, members: new Map<string, number>() };
      if (part !== last) parts.push(part);
      if (part.members.has(once.member)) doubled(record, index);
      else part.members.set(once.member, index);
    }
  await eachAtOnce([...groups], AT_ONCE, async ([group, parts]) => {
    // One behind the other, since the first that claims work is the one that counts.
    for (const { record, members } of parts) {
      const { lease, number } = records[record] ?? { lease: '', number: 0 };
      const own = await claims.claim({ tenant, group }, `${lease}/${number}`, [...members.keys()]);
      for (const [member, index] of members) if (!own.has(member)) doubled(record, index);
    }
  });
  return fates;
}
