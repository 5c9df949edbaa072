/**
 * Does one job, for whoever asks: admits it, bounds its time, stops it when nobody waits any more, runs it,
 * and logs what became of it. It knows nothing of how the job came or how its outcome is told.
 */
import type { Progress } from '../../shared/api/generate.ts';
import { allowsCharging, licenceRefusal } from '../../shared/api/licence.ts';
import type { Model } from '../../shared/api/models.ts';
import { type Failure, FailureError, type Outcome, refusal } from '../../shared/api/problem.ts';
import type { Job, JobKind } from '../jobs/job.ts';
import { ThreadEndedError } from '../session/types.ts';
import { fillStored } from '../sources/fill.ts';
import { NO_HEADS } from '../tasks/headSource.ts';
import type { Lender } from '../tasks/lender.ts';
import { type Account, openAccount } from './account.ts';
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
  /** Names the span that the job belongs to. */
  readonly traceparent?: string | undefined;
  /** Whether it comes from a queue. */
  readonly isQueued?: boolean;
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
  readonly account: Account;
}

/** The model that a job names; work that names none may need none. @throws FailureError `model_not_loaded` */
const modelOf = <K extends JobKind>(registry: JobServices['registry'], { request }: Job<K>) =>
  (request.model === undefined ? undefined : registry.find(request.model)) as ModelOf<K>;

/** @throws FailureError `licence_refused` for a model that whoever is charged is not served */
function assertLicensed(
  { acceptsEveryLicence = false }: JobServices,
  { request }: Job,
  model: Model | undefined,
): void {
  const isCharged = 'charged' in request && request.charged === true;
  if (model && isCharged && !acceptsEveryLicence && !allowsCharging(model))
    throw licenceRefusal(model);
}

/** Runs it once; the graphs of the models that it uses are bound to the job's signal. */
async function attempt<K extends JobKind>({
  services,
  job,
  signal,
  onProgress,
  account,
}: Attempt<K>): Promise<JobResults[K]> {
  const { registry, collections, store, heads = NO_HEADS } = services;
  const lender: Lender = {
    descriptions: registry.descriptions(),
    async use(wanted, work) {
      assertLicensed(services, job, wanted);
      const isThere = registry.isLoaded(wanted.id) ? undefined : account.loads(wanted.id);
      let isLent = false;
      try {
        return await registry.use(wanted, signal, (own) => {
          isLent = true;
          isThere?.();
          return work(boundModel(own, signal));
        });
      } catch (error) {
        if (!isLent) isThere?.(asFailure(error).code);
        throw error;
      }
    },
  };
  const model = modelOf(registry, job);
  const { onStep, onDecoded } = account;
  const options = { signal, lender, collections, heads, onProgress, onStep, onDecoded };
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
  const { arrived = performance.now(), onProgress, traceparent, isQueued = false } = options;
  const { registry } = services;
  const type = JOBS[job.kind];
  const { request_id: requestId, model: name } = job.request;
  const entry = type.entry(job.request);
  const named = { kind: job.kind, requestId, model: name, entry, arrived, traceparent, isQueued };
  const account = openAccount(services, named);
  const milliseconds = type.deadline(job.request);
  const sources = [options.signal, services.stopped];
  const deadline = milliseconds === undefined ? undefined : { milliseconds, arrived };
  const { signal, release } = jobSignal(sources, deadline);
  let model: ModelOf<K> | undefined;
  try {
    assertServing(services);
    model = modelOf(registry, job);
    assertLicensed(services, job, model);
    const load = await type.load(job.request, model, registry.descriptions());
    const leave = await services.gate.enter(signal, load);
    account.admitted(load.priority);
    await options.onAdmitted?.().catch((error: unknown) => {
      leave();
      throw error;
    });
    const work = attemptTwice({ services, job, signal, onProgress, account });
    // The slot is free when the work has ended, which may be a moment after its caller was answered.
    void work.then(leave, leave);
    const result = await untilAborted(work, signal);
    await options.onResult?.(result);
    const saved = type.saved?.(job.request, model, registry.descriptions()) ?? 0;
    account.done(model?.id, type.usage(result), saved);
    return { ok: true, value: result };
  } catch (error) {
    if (options.signal.aborted) {
      account.gone();
      throw options.signal.reason;
    }
    const failure = asFailure(error);
    account.failed(failure, error);
    if (failure.code === 'internal' && model) registry.check(model.id);
    return { ok: false, failure };
  } finally {
    release();
  }
}
