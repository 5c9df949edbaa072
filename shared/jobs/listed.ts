/** A job's document -> the job without its result, as its caller sees it and as webhooks tell it. */
import { ADDRESSES, fillPath } from '../api/addresses.ts';
import type { ListedJob } from '../api/jobs.ts';
import { toProblem } from '../api/problem.ts';
import { failureOfJob, type JobDocument } from './job.ts';

export const jobPath = (id: string): string => fillPath(ADDRESSES.job.path, { id });

const timeOf = (milliseconds: number): string => new Date(milliseconds).toISOString();

export function listedJob(job: JobDocument): ListedJob {
  const { id, task, status, attempts, result, failure, started, completed } = job;
  return {
    id,
    task,
    status,
    created_at: timeOf(job.created),
    ...(started !== undefined && { started_at: timeOf(started) }),
    ...(completed !== undefined && { completed_at: timeOf(completed) }),
    expires_at: timeOf(job.expires),
    attempts,
    result_id: result.id,
    ...(result.seed !== undefined && { seed: result.seed }),
    ...(job.price && { price: job.price.amount, currency: job.price.currency }),
    ...(status === 'failed' &&
      failure && { problem: toProblem(failureOfJob(failure), job.request_id, jobPath(id)) }),
  };
}
