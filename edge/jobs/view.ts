/** A job's document -> the job as its caller sees it. */
import { classifyResponseSchema } from '../../shared/api/classify.ts';
import { embedResponseSchema } from '../../shared/api/embed.ts';
import { generateResponseSchema } from '../../shared/api/generate.ts';
import { headSchema } from '../../shared/api/heads.ts';
import type { Job, JobTask } from '../../shared/api/jobs.ts';
import type { JobDocument } from '../../shared/jobs/job.ts';
import { listedJob } from '../../shared/jobs/listed.ts';
import { createResultCache } from '../../shared/results/results.ts';
import { toldComputed } from '../../shared/results/told.ts';
import type { Store } from '../../shared/store/store.ts';

import type { EdgeContext } from '../problems.ts';
import type { Linker } from '../uploads/links.ts';

/** Where results lie. */
export interface ResultPlace {
  readonly store: Store;
  readonly log: (line: string) => void;
  readonly linker: Linker;
}

const RESULTS = {
  generate: generateResponseSchema,
  embed: embedResponseSchema,
  classify: classifyResponseSchema,
  fitHead: headSchema,
} as const satisfies Record<JobTask, object>;

/** The result of a job that has succeeded, as its caller sees it; undefined where the store has lost it. */
async function resultOf(
  job: JobDocument,
  { store, log }: ResultPlace,
): Promise<NonNullable<Job['result']> | undefined> {
  if (job.status !== 'succeeded') return undefined;
  const cache = createResultCache<NonNullable<Job['result']>>(store, RESULTS[job.task], log);
  const { tenant, result } = job;
  const found = await cache.get({ scope: result.scope ?? tenant, id: result.id });
  return found && { ...found.result, computed: toldComputed(found.computed), ...job.view };
}

/** The result as it is answered: large files as links. */
export async function linkedResult(
  c: EdgeContext,
  job: JobDocument,
  services: ResultPlace,
): Promise<NonNullable<Job['result']> | undefined> {
  const result = await resultOf(job, services);
  return result && (await services.linker.link(c, result)).result;
}

export async function jobView(
  c: EdgeContext,
  job: JobDocument,
  services: ResultPlace,
): Promise<Job> {
  const result = await linkedResult(c, job, services);
  return { ...listedJob(job), ...(result && { result }) };
}
