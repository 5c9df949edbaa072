/** Which job the address of a request names. */
import { isJobId } from '../../shared/api/jobId.ts';
import { pointerTo } from '../../shared/api/pointer.ts';
import { refusal } from '../../shared/api/problem.ts';
import { shorten } from '../../shared/api/shorten.ts';
import type { JobName } from '../../shared/jobs/job.ts';
import type { EdgeContext } from '../problems.ts';
import { tenantOf } from '../tenant.ts';

export const unknownJob = (id: string) =>
  refusal('unknown_job', `there is no job ${shorten(id)}`, pointerTo('id'));

/** The job of the address. @throws FailureError `unknown_job` for what can be no id */
export function jobNameOf(c: EdgeContext): JobName {
  const id = c.req.param('id') ?? '';
  if (!isJobId(id)) throw unknownJob(id);
  return { tenant: tenantOf(c), id };
}
