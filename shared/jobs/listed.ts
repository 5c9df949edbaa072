/** A job's document -> the job without its result, as its caller sees it and as webhooks tell it. */
import { ADDRESSES, fillPath } from '../api/addresses.ts';
import type { ListedJob } from '../api/jobs.ts';
import { toProblem } from '../api/problem.ts';
import { isoTime } from '../isoTime.ts';
import { failureOfJob, type JobDocument } from './job.ts';

export const jobPath = (id: string): string => fillPath(ADDRESSES.job.path, { id });

export function listedJob(job: JobDocument): ListedJob {
  const { id, task, status, attempts, result, failure, started, completed } = job;
  return {
    id,
    task,
    status,
    created_at: isoTime(job.created),
    ...(started !== undefined && { started_at: isoTime(started) }),
    ...(completed !== undefined && { completed_at: isoTime(completed) }),
    expires_at: isoTime(job.expires),
    attempts,
    result_id: result.id,
    ...(result.seed !== undefined && { seed: result.seed }),
    ...(job.price && { price: job.price.amount, currency: job.price.currency }),
    ...(status === 'failed' &&
      failure && { problem: toProblem(failureOfJob(failure), job.request_id, jobPath(id)) }),
  };
}
