/** What follows from a job's end, whoever has ended it, in an order in which a crash loses nothing. */
import type { JobDocument } from '../../shared/jobs/job.ts';
import type { ConsumerServices } from './services.ts';

/**
 * Announces the end, then removes what the job needed, by which it would be found again.
 * @throws what the store throws; then it has to be called again
 */
export async function finish(
  { jobs, announce }: Pick<ConsumerServices, 'jobs' | 'announce'>,
  job: JobDocument,
): Promise<void> {
  await announce(job);
  await jobs.clear(job);
}
