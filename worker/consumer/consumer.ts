/**
 * The consumer of jobs: it keeps as many of them at work as it has slots, takes each from its queue when there is
 * room for it, and finds again what the queues have lost. Jobs that somebody waits for have a queue and slots of their
 * own, so that those that nobody waits for are never before them.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import type { WorkerJobsAnswer } from '../../shared/api/jobWork.ts';
import { isFinal, type JobDocument, type JobName } from '../../shared/jobs/job.ts';
import type { Queue, Received } from '../../shared/queue/queue.ts';
import { describeError } from '../log.ts';
import type { EventLog, LoggedProgress } from './eventLog.ts';
import { startRun } from './jobRun.ts';
import { judge } from './judge.ts';
import type { ActiveRuns, ConsumerServices } from './services.ts';
import { sweepJobs } from './sweep.ts';

export interface Consumer {
  /** Begins to take jobs, and to look for those that are in no queue. */
  start(): void;
  /** A job waits in the store. */
  take(name: JobName): Promise<WorkerJobsAnswer>;
  /** A job was canceled: its run stops within a decoding step. */
  cancel(name: JobName): WorkerJobsAnswer;
  /** The progress of a job that runs here or has just ended; undefined for any other. */
  events(
    name: JobName,
    after: string | undefined,
    signal: AbortSignal,
  ): AsyncGenerator<LoggedProgress, void, undefined> | undefined;
  /** Takes no more; resolves when those that run have ended or were given back. */
  stop(): Promise<void>;
}

/** Jobs of one priority. */
interface Lane {
  readonly queue: Queue;
  /** Of its slots, those that are taken. */
  busy: number;
  /** Called when one is free again. */
  freed: () => void;
}

/** Runs whose progress can still be read after their end. */
const REMEMBERED = 32;
const WAIT_SECONDS = 20;
/** Time after an error of the queue or the store. */
const TROUBLE_MILLISECONDS = 2_000;

const nameSchema = z.object({ tenant: z.string(), id: z.string() });
const parseName = (body: string): JobName => nameSchema.parse(JSON.parse(body));
/** A job as a message of the queue. */
export const messageOf = ({ tenant, id }: JobName): string => JSON.stringify({ tenant, id });

export function createConsumer(services: ConsumerServices & { readonly slots: number }): Consumer {
  const { jobs, log, times, slots } = services;
  const lane = (queue: Queue): Lane => ({ queue, busy: 0, freed: () => {} });
  const lanes = {
    interactive: lane(services.queues.interactive),
    batch: lane(services.queues.batch),
  };
  const active: ActiveRuns = new Map();
  /** Jobs by name -> the progress of the run that is theirs, the newest last. */
  const logs = new Map<string, EventLog>();
  const handled = new Set<Promise<void>>();
  const stopping = new AbortController();

  function remember(name: JobName, events: EventLog): void {
    const key = messageOf(name);
    logs.delete(key);
    logs.set(key, events);
    for (const oldest of logs.keys()) {
      if (logs.size <= REMEMBERED + slots) break;
      logs.delete(oldest);
    }
  }

  const trouble = (message: string, error: unknown): void =>
    log({ event: 'error', message, error: describeError(error) });

  /** @param leave gives the slot to another while this one waits for an equal job */
  async function deliver(
    queue: Queue,
    { body, receipt }: Received,
    leave: () => void,
  ): Promise<void> {
    const name = parseName(body);
    const verdict = await judge(services, active, name);
    switch (verdict.do) {
      case 'forget':
        if (verdict.isEnded) await jobs.clear(name);
        return await queue.remove(receipt);
      case 'wait':
        return await queue.hide(receipt, verdict.seconds);
      case 'end': {
        const { next } = verdict;
        if (!next || !(await jobs.write(next))) return await queue.hide(receipt, 0);
        log({ event: 'job', id: next.id, status: next.status, code: next.failure?.code });
        await jobs.clear(name);
        return await queue.remove(receipt);
      }
      case 'follow': {
        leave();
        remember(name, verdict.run.events);
        const left = Math.max(0, verdict.job.expires - services.now());
        const late = new AbortController();
        const overdue = sleep(Math.min(left, 2 ** 31 - 1), undefined, { signal: late.signal });
        await Promise.race([verdict.run.ended, overdue]);
        late.abort();
        overdue.catch(() => undefined);
        return await queue.hide(receipt, 0);
      }
      case 'run':
        return await run(queue, verdict.job, receipt);
    }
  }

  async function run(queue: Queue, job: JobDocument, receipt: string): Promise<void> {
    const started = startRun(services, job);
    active.set(job.result.id, started);
    remember(job, started.events);
    try {
      const left = await started.left;
      if (left.is === 'waiting') return await queue.hide(receipt, left.seconds);
      const { id, status, attempts, failure } = left.job;
      log({ event: 'job', id, status, attempts, code: failure?.code });
      await jobs.clear(job);
      await queue.remove(receipt);
    } finally {
      active.delete(job.result.id);
    }
  }

  async function handle(own: Lane, message: Received): Promise<void> {
    const { queue } = own;
    let holdsSlot = true;
    own.busy++;
    const leave = (): void => {
      if (!holdsSlot) return;
      holdsSlot = false;
      own.busy--;
      own.freed();
    };
    const { visibilitySeconds } = queue;
    const extend = setInterval(
      () => {
        queue
          .hide(message.receipt, visibilitySeconds)
          .catch((error) => trouble('a delivery cannot be extended', error));
      },
      (visibilitySeconds * 1000) / 3,
    );
    try {
      await deliver(queue, message, leave);
    } catch (error) {
      trouble(`the job ${message.body} could not be handled`, error);
      await queue.hide(message.receipt, times.backoffSeconds).catch(() => undefined);
    } finally {
      clearInterval(extend);
      leave();
    }
  }

  async function loop(own: Lane): Promise<void> {
    const { signal } = stopping;
    while (!signal.aborted) {
      if (own.busy >= slots) {
        await new Promise<void>((resolve) => {
          own.freed = resolve;
        });
        continue;
      }
      try {
        const most = slots - own.busy;
        for (const message of await own.queue.receive({
          most,
          waitSeconds: WAIT_SECONDS,
          signal,
        })) {
          const handling = handle(own, message).finally(() => handled.delete(handling));
          handled.add(handling);
        }
      } catch (error) {
        trouble('the queue of jobs does not answer', error);
        await sleep(TROUBLE_MILLISECONDS, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  const send = (job: JobDocument): Promise<void> => lanes[job.priority].queue.send(messageOf(job));

  async function sweep(): Promise<void> {
    const { signal } = stopping;
    while (!signal.aborted) {
      await sweepJobs(services, (job) => send(job), signal).catch((error) =>
        trouble('jobs cannot be looked for', error),
      );
      await sleep(times.sweepMilliseconds, undefined, { signal, ref: false }).catch(
        () => undefined,
      );
    }
  }

  let looping: Promise<unknown> = Promise.resolve();
  return {
    start() {
      looping = Promise.all([loop(lanes.interactive), loop(lanes.batch), sweep()]);
    },
    async take(name) {
      const job = await jobs.read(name);
      if (!job) return { known: false, reason: 'no_document' };
      const offered = services.models();
      const isOffered = job.result.models.every(({ id }) => offered.some((own) => own.id === id));
      if (!isOffered) return { known: false, reason: 'no_model' };
      // An equal one runs: its progress is this one's, whenever its turn comes.
      const run = active.get(job.result.id);
      if (run) remember(name, run.events);
      if (!isFinal(job)) await send(job);
      return { known: true };
    },
    cancel({ tenant, id }) {
      const runs = [...active.values()];
      const run = runs.find(({ name }) => name.tenant === tenant && name.id === id);
      run?.giveUp();
      return { known: run !== undefined };
    },
    events: (name, after, signal) => logs.get(messageOf(name))?.read(after, signal),
    async stop() {
      stopping.abort();
      for (const { freed } of Object.values(lanes)) freed();
      await looping;
      await Promise.all(handled);
    },
  };
}
