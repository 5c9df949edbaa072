/**
 * Does one job, for whoever asks: admits it, bounds its time, stops it when nobody waits any more, runs it,
 * and logs what became of it. It knows nothing of how the job came or how its outcome is told.
 */
import type { Progress } from '../../shared/api/generate.ts';
import {
  type Failure,
  FailureError,
  type Outcome,
  PROBLEMS,
  refusal,
} from '../../shared/api/problem.ts';
import type { Job, JobKind } from '../jobs/job.ts';
import { describeError } from '../log.ts';
import { ThreadEndedError } from '../session/types.ts';
import { fillStored } from '../sources/fill.ts';
import { NO_HEADS } from '../tasks/headSource.ts';
import type { Lender } from '../tasks/lender.ts';
import { boundModel } from './boundModel.ts';
import { jobSignal, untilAborted } from './jobSignal.ts';
import { JOBS } from './jobs.ts';
import type { JobResults, ModelOf } from './jobType.ts';
import { assertServing, type JobServices } from './services.ts';

export interface RunJobOptions<K extends JobKind = JobKind> {
  /** Aborts when nobody waits for the outcome any more. */
  readonly signal: AbortSignal;
  /** When the job arrived, by `performance.now()`; its deadline counts from there. Now when left out. */
  readonly arrived?: number;
  /** Called after each decoding step. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  /** Awaited when there is room for the job, before it begins. */
  readonly onAdmitted?: () => Promise<void>;
  /** Told of a result before its outcome is: whoever computes for others stores it here. */
  readonly onResult?: (result: JobResults[K]) => Promise<void>;
}

/** What a caller is told of an error: its own failure, or no more than that the worker failed. */
export const asFailure = (error: unknown): Failure =>
  error instanceof FailureError
    ? error.failure
    : { code: 'internal', detail: 'the worker failed; its log says more' };

interface Attempt<K extends JobKind> {
  readonly services: JobServices;
  readonly job: Job<K>;
  readonly signal: AbortSignal;
  readonly onProgress: RunJobOptions['onProgress'];
}

/** The model that a job names; work that names none may need none. @throws FailureError `model_not_loaded` */
const modelOf = <K extends JobKind>(registry: JobServices['registry'], { request }: Job<K>) =>
  (request.model === undefined ? undefined : registry.find(request.model)) as ModelOf<K>;

/** Runs it once; the graphs of the models that it uses are bound to the job's signal. */
async function attempt<K extends JobKind>({
  services: { registry, collections, store, heads = NO_HEADS },
  job,
  signal,
  onProgress,
}: Attempt<K>): Promise<JobResults[K]> {
  const lender: Lender = {
    descriptions: registry.descriptions(),
    use: (wanted, work) => registry.use(wanted, signal, (own) => work(boundModel(own, signal))),
  };
  const model = modelOf(registry, job);
  const options = { signal, lender, collections, heads, onProgress };
  const request = await fillStored(job.request, store);
  return await JOBS[job.kind].run(request, model, options);
}

/** Runs it again, once, when a thread died under it: that was most likely another's doing. */
async function attemptTwice<K extends JobKind>(given: Attempt<K>): Promise<JobResults[K]> {
  try {
    return await attempt(given);
  } catch (error) {
    if (!(error instanceof ThreadEndedError)) throw error;
  }
  try {
    return await attempt(given);
  } catch (cause) {
    if (!(cause instanceof ThreadEndedError)) throw cause;
    const { model } = given.job.request;
    const detail = `the model ${model ?? 'of this request'} stopped working twice under this request; it is loaded again`;
    throw refusal('not_ready', detail, undefined, { cause, retryAfterSeconds: 5 });
  }
}

/**
 * @returns the result, or the failure that the caller is told
 * @throws the signal's reason, when the caller no longer waits for an outcome
 */
export async function runJob<K extends JobKind>(
  services: JobServices,
  job: Job<K>,
  options: RunJobOptions<K>,
): Promise<Outcome<JobResults[K]>> {
  const { arrived = performance.now(), onProgress } = options;
  const type = JOBS[job.kind];
  const { request_id, model: name } = job.request;
  const entry = { event: job.kind, request_id, model: name, ...type.entry(job.request) };
  const elapsed = (): number => Math.round(performance.now() - arrived);
  const milliseconds = type.deadline(job.request);
  const sources = [options.signal, services.stopped];
  const deadline = milliseconds === undefined ? undefined : { milliseconds, arrived };
  const { signal, release } = jobSignal(sources, deadline);
  let model: ModelOf<K> | undefined;
  try {
    assertServing(services);
    model = modelOf(services.registry, job);
    const load = await type.load(job.request, model, services.registry.descriptions());
    const leave = await services.gate.enter(signal, load);
    const waited = elapsed();
    await options.onAdmitted?.().catch((error: unknown) => {
      leave();
      throw error;
    });
    const work = attemptTwice({ services, job, signal, onProgress });
    // The slot is free when the work has ended, which may be a moment after its caller was answered.
    void work.then(leave, leave);
    const result = await untilAborted(work, signal);
    await options.onResult?.(result);
    const usage = type.usage(result);
    services.log({ ...entry, status: 200, ...usage, milliseconds: elapsed(), waited });
    return { ok: true, value: result };
  } catch (error) {
    if (options.signal.aborted) {
      services.log({ ...entry, status: 'gone', milliseconds: elapsed() });
      throw options.signal.reason;
    }
    const failure = asFailure(error);
    const isOurs = failure.code === 'internal';
    services.log({
      ...entry,
      status: PROBLEMS[failure.code].status,
      code: failure.code,
      detail: failure.detail,
      milliseconds: elapsed(),
      ...(isOurs && { error: describeError(error) }),
    });
    if (isOurs && model) services.registry.check(model.id);
    return { ok: false, failure };
  } finally {
    release();
  }
}
