/** Finds jobs that have not ended, whatever became of the queue and of the workers that had them. */

import { timeOfJobId } from '../../shared/api/jobId.ts';
import { isFinal, type JobDocument, type JobName } from '../../shared/jobs/job.ts';
import type { ConsumerServices } from './services.ts';

/** What was written of a job whose edge ended before it wrote the job itself is removed after this time. */
const ORPHAN_MILLISECONDS = 600_000;

/**
 * @param found called for each job that waits or was lost, the oldest first
 * @throws what the store throws
 */
export async function sweepJobs(
  { jobs, now }: Pick<ConsumerServices, 'jobs' | 'now'>,
  found: (job: JobDocument) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const names: JobName[] = [];
  for await (const name of jobs.open()) names.push(name);
  // Ids name the newest job first, and the oldest has waited longest.
  for (const name of names.reverse()) {
    if (signal.aborted) return;
    const job = await jobs.read(name);
    if (job && !isFinal(job)) await found(job);
    else if (job || now() - timeOfJobId(name.id) > ORPHAN_MILLISECONDS) await jobs.clear(name);
  }
}
