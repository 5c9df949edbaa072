/** A job that nothing is special about. */
import { createJobId } from '../../shared/api/jobId.ts';
import type { JobDescription } from '../../shared/jobs/job.ts';

export const describedJob = (more: Partial<JobDescription> = {}): JobDescription => ({
  id: createJobId(Date.now()),
  tenant: 'default',
  task: 'generate',
  priority: 'batch',
  request_id: 'r1',
  result: {
    id: 'a'.repeat(64),
    seed: 7,
    models: [{ id: 'fake', digest: 'd'.repeat(64) }],
    replace: false,
  },
  ...more,
});
