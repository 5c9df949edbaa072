/**
 * Does one job, for whoever asks: admits it, bounds its time, stops it when nobody waits any more, runs it,
 * and logs what became of it. It knows nothing of how the job came or how its outcome is told.
 */
import type { Progress } from '../../shared/api/generate.ts';
import { type Failure, FailureError, type Outcome, PROBLEMS } from '../../shared/api/problem.ts';
import type { ServedModel } from '../tasks/servedModel.ts';
import { withDeadline } from './deadline.ts';
import type { Job, JobKind } from './job.ts';
import { JOBS, type JobResults } from './jobs.ts';
import { describeError } from './log.ts';
import { type JobServices, pickModel } from './services.ts';

export interface RunJobOptions<K extends JobKind = JobKind> {
  /** Aborts when nobody waits for the outcome any more. */
  readonly signal: AbortSignal;
  /** When the job arrived, by `performance.now()`; its deadline counts from there. Now when left out. */
  readonly arrived?: number;
  /** Called after each decoding step. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  /** Told of a result before its outcome is: whoever computes for others stores it here. */
  readonly onResult?: (result: JobResults[K]) => Promise<void>;
}

/** What a caller is told of an error: its own failure, or no more than that the worker failed. */
export const asFailure = (error: unknown): Failure =>
  error instanceof FailureError
    ? error.failure
    : { code: 'internal', detail: 'the worker failed; its log says more' };

/**
 * @returns the result, or the failure that the caller is told
 * @throws the signal's reason, when the caller no longer waits for an outcome
 */
export async function runJob<K extends JobKind>(
  services: JobServices,
  job: Job<K>,
  options: RunJobOptions<K>,
): Promise<Outcome<JobResults[K]>> {
  const { arrived = performance.now() } = options;
  const type = JOBS[job.kind];
  const { request_id, model: name } = job.request;
  const entry = { event: job.kind, request_id, model: name, ...type.entry(job.request) };
  const milliseconds = (): number => Math.round(performance.now() - arrived);
  const deadline = withDeadline(type.deadline(job.request), arrived, options.signal);
  let model: ServedModel | undefined;
  try {
    model = pickModel(services, name);
    const leave = await services.gate.enter(deadline.signal);
    const waited = milliseconds();
    let result: JobResults[K];
    try {
      const { signal } = deadline;
      const { onProgress } = options;
      result = await type.run(job.request, model, {
        signal,
        models: services.models(),
        onProgress,
      });
    } finally {
      leave();
    }
    await options.onResult?.(result);
    const usage = type.usage(result);
    services.log({ ...entry, status: 200, ...usage, milliseconds: milliseconds(), waited });
    return { ok: true, value: result };
  } catch (error) {
    if (options.signal.aborted) {
      services.log({ ...entry, status: 'gone', milliseconds: milliseconds() });
      throw options.signal.reason;
    }
    const failure = asFailure(error);
    const isOurs = failure.code === 'internal';
    services.log({
      ...entry,
      status: PROBLEMS[failure.code].status,
      code: failure.code,
      detail: failure.detail,
      milliseconds: milliseconds(),
      ...(isOurs && { error: describeError(error) }),
    });
    if (isOurs && model) services.onModelFailure(model);
    return { ok: false, failure };
  } finally {
    deadline.clear();
  }
}
