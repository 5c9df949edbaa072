/**
 * What became of charges: spent, come back, still open, or made for work that another charge is for. A charge of a job is spent when the job succeeds and comes
 * back when it does not. Jobs and claims never change once they are decided, so everybody who looks finds the same.
 */
import { isFinal, type JobDocument, type JobName } from '../jobs/job.ts';
import type { Claims } from './claims.ts';
import type { Charge, LedgerPlace, LedgerRecord } from './ledger.ts';

export type Fate = 'spent' | 'back' | 'open' | 'double';

export interface FateServices {
  readonly jobs: { readonly read: (name: JobName) => Promise<JobDocument | undefined> };
  readonly claims: Claims;
  /** Unix milliseconds. */
  readonly now: () => number;
}

/** A charge whose job is not there after this time is one whose edge ended before it wrote the job. */
const ORPHAN_MILLISECONDS = 600_000;

/**
 * The fate of each charge of a record.
 * @param number of the record in its log
 * @throws what the store throws
 */
export async function fatesOf(
  { jobs, claims, now }: FateServices,
  { tenant, lease }: LedgerPlace,
  number: number,
  { charges }: LedgerRecord,
): Promise<Fate[]> {
  const fateOfJob = async ({ job: id, at }: Charge): Promise<Fate> => {
    if (id === undefined) return 'spent';
    const job = await jobs.read({ tenant, id });
    if (!job) return now() - at > ORPHAN_MILLISECONDS ? 'back' : 'open';
    if (!isFinal(job)) return 'open';
    return job.status === 'succeeded' ? 'spent' : 'back';
  };
  const fates = await Promise.all(charges.map(fateOfJob));
  // Only what would be spent claims: a job that failed leaves the charge to the one that did not.
  const groups = new Map<string, Map<string, number>>();
  for (const [index, { once }] of charges.entries()) {
    if (!once || fates[index] !== 'spent') continue;
    const members = groups.get(once.group) ?? new Map<string, number>();
    groups.set(once.group, members);
    if (members.has(once.member)) fates[index] = 'double';
    else members.set(once.member, index);
  }
  for (const [group, members] of groups) {
    const own = await claims.claim({ tenant, group }, `${lease}/${number}`, [...members.keys()]);
    for (const [member, index] of members) if (!own.has(member)) fates[index] = 'double';
  }
  return fates;
}
