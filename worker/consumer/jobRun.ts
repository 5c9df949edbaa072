/**
 * The run of a job: from its lease to its end, or back into the queue. Each change of the document is written before
 * what follows from it, so that whoever finds the job after a crash knows how far it came.
 */
import { type Failure, FailureError } from '../../shared/api/problem.ts';
import {
  advance,
  fail,
  isBegun,
  type JobDocument,
  overdue,
  postpone,
  retry,
  start,
  succeed,
} from '../../shared/jobs/job.ts';
import { describeError } from '../log.ts';
import { repeat } from '../repeat.ts';
import { asFailure } from '../service/runJob.ts';
import { createEventLog } from './eventLog.ts';
import { type ActiveRun, type ConsumerServices, jitter } from './services.ts';
import { namesOf, tellChange } from './watch.ts';
import { attempt } from './work.ts';

/** Where a job is after its run. */
export type Left =
  | { readonly is: 'ended'; readonly job: JobDocument }
  /** To be looked at again after a while; `isFull` where this worker has no room for it. */
  | { readonly is: 'waiting'; readonly seconds: number; readonly isFull?: boolean };

/** Another has changed the document: it is looked at again. */
class SupersededError extends Error {
  override readonly name = 'SupersededError';
}

/** Failures that tell of this worker at this moment, and not of the job. */
const isPassing = ({ code }: Failure): boolean => code === 'overloaded' || code === 'not_ready';
const isWorthRetrying = ({ code }: Failure): boolean =>
  code === 'internal' || code === 'store_unavailable' || code === 'worker_unavailable';

/** The longest that a timer can wait. */
const LONGEST_TIMER = 2 ** 31 - 1;

export interface StartedRun extends ActiveRun {
  /** @throws what the store throws when it is out of order */
  readonly left: Promise<Left>;
}

export function startRun(services: ConsumerServices, job: JobDocument): StartedRun {
  const { jobs, announce, worker, times, now, log } = services;
  const events = createEventLog(job.attempts + 1);
  const controller = new AbortController();
  let current = job;

  const supersede = (): SupersededError => {
    const error = new SupersededError('the job was changed by another');
    controller.abort(error);
    return error;
  };
  /** @throws SupersededError, with which the run ends */
  async function change(next: JobDocument | undefined): Promise<JobDocument> {
    if (!next || !(await jobs.write(next))) throw supersede();
    current = next;
    tellChange(services, next);
    return next;
  }
  const end = async (next: JobDocument | undefined): Promise<Left> => ({
    is: 'ended',
    job: await change(next),
  });

  const holder = () => ({ worker, until: now() + times.leaseMilliseconds });
  /** Whoever took this worker for gone has the job now. */
  const isOthers = (found: JobDocument): boolean =>
    isBegun(found) && found.holder?.worker !== worker;
  /** A cancel is told to the worker at once; where that was lost, the document says it. */
  async function beat(): Promise<void> {
    if (!isBegun(current) || controller.signal.reason instanceof SupersededError) return;
    const progress = events.last();
    await jobs.hold(job, { ...holder(), ...(progress && { progress }) });
    const { revision } = current;
    const found = await jobs.read(job);
    // A change of our own may be under way.
    if (!found || revision !== current.revision) return;
    if (found.status === 'canceled' || isOthers(found)) supersede();
  }
  /** Where nobody tells this worker of a cancel, the run ends with the step during which this finds it. */
  async function look(): Promise<void> {
    if (!isBegun(current)) return;
    if ((await jobs.successor(current))?.status === 'canceled') supersede();
  }
  const { lookMilliseconds } = times;
  // That the store does not answer, the signs of life say.
  const looks = lookMilliseconds && repeat(lookMilliseconds, look, () => undefined);
  let lastBeat: Promise<void> = Promise.resolve();
  const heartbeat = setInterval(() => {
    lastBeat = beat().catch((error: unknown) => {
      const message = 'the job gives no sign of life';
      log({ event: 'job', ...namesOf(job), message, error: describeError(error) });
    });
  }, times.heartbeatMilliseconds);
  const deadline = setTimeout(
    () => controller.abort(new FailureError(overdue(job))),
    Math.min(Math.max(0, job.expires - now()), LONGEST_TIMER),
  );

  let begun: Promise<void> = Promise.resolve();
  /** What is missed here is announced with the job's end. */
  const tellBegun = (started: JobDocument): Promise<void> =>
    announce(started).catch((error: unknown) => {
      const message = 'that the job has begun could not be announced';
      log({ event: 'job', id: job.id, message, error: describeError(error) });
    });

  async function failed(failure: Failure): Promise<Left> {
    if (isPassing(failure)) {
      if (isBegun(current)) await change(postpone(current, now()));
      return { is: 'waiting', seconds: jitter(times.roomSeconds), isFull: true };
    }
    // A job that cannot even begin uses its attempts up as well.
    if (!isBegun(current) && isWorthRetrying(failure))
      await change(start(current, holder(), now()));
    const again = isWorthRetrying(failure) ? retry(current, failure, now()) : undefined;
    if (!again) return await end(fail(current, failure, now()));
    await change(again);
    return { is: 'waiting', seconds: jitter(times.backoffSeconds * 4 ** (again.attempts - 1)) };
  }

  async function run(): Promise<Left> {
    let firstStep: Promise<unknown> = Promise.resolve();
    try {
      const outcome = await attempt(services, job, {
        signal: controller.signal,
        traceparent: job.traceparent,
        onAdmitted: async () => {
          begun = tellBegun(await change(start(current, holder(), now())));
        },
        onProgress: (progress) => {
          events.add(progress);
          if (current.status !== 'starting') return;
          const next = advance(current, now());
          // Its revision counts from now on, so that only the first step is written.
          if (next) current = next;
          firstStep = jobs.write(next ?? current).then((isWritten) => {
            if (!isWritten) supersede();
            else if (next) tellChange(services, next);
          });
          // It is awaited when the run is over; until then a store that fails must not end this process.
          firstStep.catch(() => undefined);
        },
      });
      await firstStep;
      controller.signal.throwIfAborted();
      return outcome.ok ? await end(succeed(current, now())) : await failed(outcome.failure);
    } catch (error) {
      await firstStep.catch(() => undefined);
      if (error instanceof SupersededError) return { is: 'waiting', seconds: 0 };
      if (error instanceof FailureError) return await failed(error.failure);
      const message = `the job ${job.id} could not be run`;
      log({ event: 'error', ...namesOf(job), message, error: describeError(error) });
      return await failed(asFailure(error));
    }
  }

  const left = run()
    .catch((error: unknown): Left => {
      if (error instanceof SupersededError) return { is: 'waiting', seconds: 0 };
      throw error;
    })
    .finally(async () => {
      clearTimeout(deadline);
      clearInterval(heartbeat);
      // One that comes too late for the run changes nothing.
      if (looks) void looks.stop();
      events.end();
      // Whoever clears the job's lease must not have it written again.
      await lastBeat;
      await begun;
    });
  return {
    name: job,
    events,
    left,
    ended: left.then(
      () => undefined,
      () => undefined,
    ),
    giveUp: () => void supersede(),
  };
}
