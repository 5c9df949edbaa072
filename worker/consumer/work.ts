/** One attempt at a job: what it is asked is read, run, and its result kept. It changes no document. */
import type { Progress } from '../../shared/api/generate.ts';
import type { JobTask } from '../../shared/api/jobs.ts';
import type { Model } from '../../shared/api/models.ts';
import { type Outcome, refusal } from '../../shared/api/problem.ts';
import type { JobDocument } from '../../shared/jobs/job.ts';
import type { JobStore } from '../../shared/jobs/jobStore.ts';
import type { Job } from '../jobs/job.ts';
import type { JobResults } from '../service/jobType.ts';
import { readJob } from '../service/readJob.ts';
import type { Outcomes } from './outcomes.ts';

export interface RunOptions {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: Progress) => void;
  /** Awaited when there is room for the job, before anything is run. */
  readonly onAdmitted: () => Promise<void>;
  /** Names the span that asked for the job. */
  readonly traceparent?: string | undefined;
}

/** Does what a worker is asked, as `runJob` does. */
export type Run = <K extends JobTask>(
  job: Job<K>,
  options: RunOptions,
) => Promise<Outcome<JobResults[K]>>;

export interface WorkServices {
  readonly jobs: JobStore;
  readonly outcomes: { readonly [K in JobTask]: Outcomes<K> };
  readonly run: Run;
  readonly models: () => readonly Model[];
}

async function attemptOf<K extends JobTask>(
  { jobs, run, models }: WorkServices,
  task: K,
  outcomes: Outcomes<K>,
  document: JobDocument,
  options: RunOptions,
): Promise<Outcome<undefined>> {
  const inputs = await jobs.inputs(document);
  if (!inputs)
    throw refusal('store_unavailable', 'what the job was asked is no longer in the store');
  const { kind, request } = await readJob(task, inputs, options.signal);
  const prepared = await outcomes.prepare(document, request);
  const { priority, tenant } = document;
  const asked = { ...prepared, priority, tenant };
  const outcome = await run({ kind, request: asked }, options);
  if (!outcome.ok) return outcome;
  await outcomes.keep(document, asked, outcome.value, models());
  return { ok: true, value: undefined };
}

/**
 * @returns whether the result is stored, or why not
 * @throws the signal's reason; what the store throws; what `onAdmitted` throws
 */
export async function attempt(
  services: WorkServices,
  document: JobDocument,
  options: RunOptions,
): Promise<Outcome<undefined>> {
  const { outcomes } = services;
  switch (document.task) {
    case 'generate':
      return await attemptOf(services, 'generate', outcomes.generate, document, options);
    case 'embed':
      return await attemptOf(services, 'embed', outcomes.embed, document, options);
    case 'classify':
      return await attemptOf(services, 'classify', outcomes.classify, document, options);
    case 'fitHead':
      return await attemptOf(services, 'fitHead', outcomes.fitHead, document, options);
  }
}
