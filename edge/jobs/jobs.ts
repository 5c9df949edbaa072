/** Jobs as the edge's routes use them: asked for, followed, canceled. The store is the truth; workers are told. */
import { type Progress, progressSchema } from '../../shared/api/generate.ts';
import { refusal } from '../../shared/api/problem.ts';
import { announceJob } from '../../shared/jobs/announce.ts';
import {
  cancel,
  createDoneJob,
  createJob,
  fail,
  isBegun,
  isFinal,
  type JobDescription,
  type JobDocument,
  type JobName,
  overdue,
} from '../../shared/jobs/job.ts';
import { createJobStore, type JobPage, type PageWish } from '../../shared/jobs/jobStore.ts';
import { isBehind } from '../../shared/jobs/progress.ts';
import { readEvents } from '../../shared/sse.ts';
import type { Store } from '../../shared/store/store.ts';
import { createEventStore } from '../../shared/webhooks/eventStore.ts';
import type { Config } from '../config.ts';
import { type EdgeMetrics, UNWATCHED } from '../metrics.ts';
import { sleep } from '../sleep.ts';
import { createInPlace } from './place.ts';
import { createJobQueueing } from './queueing.ts';
import { createTell } from './tell.ts';
import { createJobWorkers } from './workers.ts';

export interface JobEvent {
  readonly id: string;
  readonly progress: Progress;
}

/** Every function throws FailureError `store_unavailable` where the store is out of order. */
export interface Jobs {
  /**
   * Makes a job. It is in the store when this resolves, and goes on whatever becomes of this process.
   * @param inputs what a worker is asked; absent for a job whose result is there
   * @param deadline milliseconds that its caller gives it
   * @throws FailureError `no_jobs` where the workers do not share this store
   */
  submit(
    description: JobDescription,
    inputs: Uint8Array<ArrayBuffer> | undefined,
    deadline: number | undefined,
  ): Promise<JobDocument>;
  find(name: JobName): Promise<JobDocument | undefined>;
  /** How many jobs of a tenant have not ended, counted up to a bound. */
  countOpen(tenant: string, most: number): Promise<number>;
  page(tenant: string, wish: PageWish): Promise<JobPage>;
  /** The job after its end, which this makes where it has none yet; undefined where there is no job. */
  cancel(name: JobName): Promise<JobDocument | undefined>;
  /**
   * Its progress behind an event's id, and what comes; ends with the job.
   * @returns (of the generator) the document; undefined where there is none, or when the signal has aborted
   */
  follow(
    name: JobName,
    after: string | undefined,
    signal: AbortSignal,
  ): AsyncGenerator<JobEvent, JobDocument | undefined, undefined>;
}

/** Between two looks at a job that no worker has yet: soon at first, since most do not wait. */
const LOOK_MILLISECONDS = { first: 50, most: 1000 };
/** Time for a worker to say itself that a job's time is over. */
const OVERDUE_MILLISECONDS = 30_000;
/** What stands for the inputs of a job that needs none. */
const NO_INPUTS = new TextEncoder().encode('{}');
/** Tries at a change that others make as well. */
const TRIES = 5;

export function createJobs(
  store: Store,
  config: Config,
  log: (line: string) => void,
  metrics: EdgeMetrics = UNWATCHED,
): Jobs {
  const jobs = createJobStore(store);
  const workers = createJobWorkers(config, log);
  const queueing = createJobQueueing(config, workers, log);
  const events = createEventStore(store);
  const tell = createTell(config, workers, log);

  const inPlace = createInPlace(store, log);
  /**
   * What follows from a job's end. What the job is found by is removed last, so that a worker makes up for what this
   * process does not come to.
   */
  async function finish(job: JobDocument): Promise<void> {
    const announced = await announceJob(events, job, store.now());
    await jobs.clear(job);
    await tell(announced);
  }

  /** A job whose time is over has failed, also where no worker runs that would say so. */
  async function look(name: JobName): Promise<JobDocument | undefined> {
    const job = await jobs.read(name);
    if (!job || isFinal(job)) return job;
    const now = store.now();
    if (now < job.expires + OVERDUE_MILLISECONDS) {
      await queueing.remind(job);
      return job;
    }
    const next = fail(job, overdue(job), now);
    if (!next || !(await jobs.write(next))) return await jobs.read(name);
    await finish(next);
    return next;
  }

  const find: Jobs['find'] = (name) => inPlace('jobs cannot be read', () => look(name));

  /** Ends a job that nobody has been told of. */
  async function withdraw(job: JobDocument): Promise<void> {
    const next = cancel(job, store.now());
    if (next && (await jobs.write(next))) await jobs.clear(job);
  }

  async function end(name: JobName): Promise<JobDocument | undefined> {
    for (let tries = 0; tries < TRIES; tries++) {
      const job = await jobs.read(name);
      const next = job && cancel(job, store.now());
      if (!next) return job;
      if (!(await jobs.write(next))) continue;
      await Promise.all([workers.cancel(name), finish(next)]);
      return next;
    }
    throw new Error(`others change the job ${name.id} again and again`);
  }

  /** How far a job was at its last sign of life, for those who cannot ask its worker. */
  const lastKnown = async (name: JobName): Promise<JobEvent | undefined> =>
    (await inPlace('jobs cannot be read', () => jobs.lease(name)))?.progress;

  return {
    find,
    submit: (description, inputs, deadline) =>
      inPlace('jobs cannot be kept', async () => {
        const now = store.now();
        const { task } = description;
        metrics.count('jobs', { task, result: inputs ? 'wanted' : 'stored' });
        if (!inputs) {
          const done = createDoneJob(description, now);
          if (!description.webhook) return await jobs.create(done);
          // It is found by its inputs until it is announced, though nobody reads them.
          const made = await jobs.create(done, NO_INPUTS);
          await finish(made);
          return made;
        }
        const job = await jobs.create(createJob(description, now, deadline), inputs);
        if ((await queueing.queue(job)) === 'told') return job;
        await withdraw(job);
        const detail =
          'the workers do not have the store of this edge, so they cannot do jobs: start them with its FOURM_STORE';
        throw refusal('no_jobs', detail);
      }),
    countOpen: (tenant, most) =>
      inPlace('jobs cannot be counted', () => jobs.countOpen(tenant, most)),
    page: (tenant, wish) => inPlace('jobs cannot be listed', () => jobs.page(tenant, wish)),
    cancel: (name) => inPlace('jobs cannot be canceled', () => end(name)),
    async *follow(name, after, signal) {
      let last = after;
      let wait = LOOK_MILLISECONDS.first;
      while (!signal.aborted) {
        // Asked before the document is read: what ends in between is found by both.
        const stream = await workers.events(name, last, signal);
        if (stream) {
          try {
            for await (const { id = '', data } of readEvents(stream)) {
              last = id;
              wait = LOOK_MILLISECONDS.first;
              yield { id, progress: progressSchema.parse(JSON.parse(data)) };
            }
          } catch (error) {
            // A worker that has died: the job goes on with the next one.
            if (!signal.aborted) log(`the events of ${name.id} broke off: ${error}`);
          }
        }
        const job = await find(name);
        if (!job || isFinal(job)) return job;
        const known = isBegun(job) ? await lastKnown(job) : undefined;
        if (known && isBehind(last, known.id)) {
          last = known.id;
          yield known;
        }
        await sleep(wait, signal);
        wait = Math.min(LOOK_MILLISECONDS.most, wait * 1.5);
      }
      return undefined;
    },
  };
}
