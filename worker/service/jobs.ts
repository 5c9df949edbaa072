/** How each kind of job is done: one exhaustive table. */
import type { Progress } from '../../shared/api/generate.ts';
import { refusal } from '../../shared/api/problem.ts';
import type { DetokenizeResponse, TokenizeResponse } from '../../shared/api/tokens.ts';
import type { WorkerGenerateResponse } from '../../shared/api/worker.ts';
import type { JobKind, JobRequest } from '../jobs/job.ts';
import { runGenerate } from '../tasks/generate.ts';
import type { ServedModel } from '../tasks/servedModel.ts';
import { runDetokenize, runTokenize } from '../tasks/tokens.ts';

export interface JobResults {
  readonly generate: WorkerGenerateResponse;
  readonly tokenize: TokenizeResponse;
  readonly detokenize: DetokenizeResponse;
}

export interface JobOptions {
  /** Stops within one decoding step; its reason is thrown. */
  readonly signal: AbortSignal;
  /** All loaded models: a target may need another than the request's own. */
  readonly models: readonly ServedModel[];
  /** Called after each decoding step. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

interface JobType<K extends JobKind> {
  /** @throws FailureError for what is wrong with the request; the signal's reason */
  readonly run: (
    request: JobRequest<K>,
    model: ServedModel,
    options: JobOptions,
  ) => Promise<JobResults[K]>;
  /** What is logged of a request beside its model. */
  readonly entry: (request: JobRequest<K>) => object;
  /** What is logged of a result. */
  readonly usage: (result: JobResults[K]) => object;
  /** Milliseconds that the caller gives it, counted from its arrival. */
  readonly deadline: (request: JobRequest<K>) => number | undefined;
}

const nothing = (): object => ({});
const none = (): undefined => undefined;

export const JOBS: { readonly [K in JobKind]: JobType<K> } = {
  generate: {
    run: async (request, model, { onProgress, ...options }) => {
      if (request.request.dry_run) {
        const detail = 'a dry run is answered by the edge; a worker runs what it is asked';
        throw refusal('invalid_request', detail);
      }
      return await runGenerate(request, model, { ...options, ...(onProgress && { onProgress }) });
    },
    entry: ({ id }) => ({ id }),
    usage: ({ usage }) => usage,
    deadline: ({ request }) => request.deadline_ms,
  },
  tokenize: {
    run: async ({ request }, model, { signal }) => await runTokenize(request, model, signal),
    entry: nothing,
    usage: nothing,
    deadline: none,
  },
  detokenize: {
    run: async ({ request }, model, { signal }) => await runDetokenize(request, model, signal),
    entry: nothing,
    usage: nothing,
    deadline: none,
  },
};
