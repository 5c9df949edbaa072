/** A job's document -> the job as its caller sees it. */
import { classifyResponseSchema } from '../../shared/api/classify.ts';
import { embedResponseSchema } from '../../shared/api/embed.ts';
import { generateResponseSchema } from '../../shared/api/generate.ts';
import { headSchema } from '../../shared/api/heads.ts';
import type { Job, JobTask, ListedJob } from '../../shared/api/jobs.ts';
import { toProblem } from '../../shared/api/problem.ts';
import { failureOfJob, type JobDocument } from '../../shared/jobs/job.ts';
import { createResultCache } from '../../shared/results/results.ts';
import type { Store } from '../../shared/store/store.ts';

/** Where results lie. */
export interface ResultPlace {
  readonly store: Store;
  readonly log: (line: string) => void;
}

const RESULTS = {
  generate: generateResponseSchema,
  embed: embedResponseSchema,
  classify: classifyResponseSchema,
  fitHead: headSchema,
} as const satisfies Record<JobTask, object>;

export const jobPath = (id: string): string => `/v1/jobs/${id}`;

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
    ...(status === 'failed' &&
      failure && { problem: toProblem(failureOfJob(failure), job.request_id, jobPath(id)) }),
  };
}

/** The result of a job that has succeeded, as its caller sees it; undefined where the store has lost it. */
export async function resultOf(
  job: JobDocument,
  { store, log }: ResultPlace,
): Promise<NonNullable<Job['result']> | undefined> {
  if (job.status !== 'succeeded') return undefined;
  const cache = createResultCache<NonNullable<Job['result']>>(store, RESULTS[job.task], log);
  const found = await cache.get(job.result.id);
  return found && { ...found.result, ...job.view };
}

export async function jobView(job: JobDocument, services: ResultPlace): Promise<Job> {
  const result = await resultOf(job, services);
  return { ...listedJob(job), ...(result && { result }) };
}
