/**
 * The consumer of jobs: it keeps as many of them at work as it has slots, takes each from its queue when there is
 * room for it, and finds again what the queues have lost. Jobs that somebody waits for have a queue and slots of their
 * own, so that those that nobody waits for are never before them.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { BATCH_IDS } from '../../shared/api/batchId.ts';
import type { WorkerJobsAnswer } from '../../shared/api/jobWork.ts';
import { isFinal, type JobDocument, type JobName } from '../../shared/jobs/job.ts';
import { messageOf, parseMessage } from '../../shared/jobs/message.ts';
import type { LoggedProgress } from '../../shared/jobs/progress.ts';
import type { Queue, Received } from '../../shared/queue/queue.ts';
import { describeError } from '../log.ts';
import type { EventLog } from './eventLog.ts';
import { finish } from './finish.ts';
import { startRun } from './jobRun.ts';
import { judge } from './judge.ts';
import { createLane, type Lane } from './lane.ts';
import { keepLookout } from './lookouts.ts';
import { type ActiveRun, type ActiveRuns, type ConsumerServices, jitter } from './services.ts';
import { namesOf, tellChange, watchJobs } from './watch.ts';

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

/** Jobs that wait for equal ones and give their slots to others: each keeps a message from other workers. */
const MOST_FOLLOWING = 100;
/** Runs whose progress can still be read after their end. */
const REMEMBERED = 32;

export function createConsumer(services: ConsumerServices & { readonly slots: number }): Consumer {
  const { jobs, batches, log, times, slots, queues } = services;
  const active: ActiveRuns = new Map();
  /** Jobs by name -> the progress of the run that is theirs, the newest last. */
  const logs = new Map<string, EventLog>();
  const stopping = new AbortController();
  let following = 0;

  function remember(name: JobName, events: EventLog): void {
    const key = messageOf(name);
    logs.delete(key);
    logs.set(key, events);
    for (const oldest of logs.keys()) {
      if (logs.size <= REMEMBERED + slots) break;
      logs.delete(oldest);
    }
  }

  /** What was given back may run elsewhere: whoever follows it is not to be told of an attempt that is over. */
  function forget(events: EventLog): void {
    for (const [key, own] of logs) if (own === events) logs.delete(key);
  }

  const trouble = (message: string, error: unknown): void =>
    log({ event: 'error', message, error: describeError(error) });

  /** A run of an equal job has its result for this one as well. */
  async function follow(job: JobDocument, run: ActiveRun, leave: () => void): Promise<void> {
    remember(job, run.events);
    if (following < MOST_FOLLOWING) leave();
    following++;
    const left = Math.max(0, job.expires - services.now());
    const late = new AbortController();
    const overdue = sleep(Math.min(left, 2 ** 31 - 1), undefined, { signal: late.signal });
    await Promise.race([run.ended, overdue]);
    following--;
    late.abort();
    overdue.catch(() => undefined);
  }

  async function deliver(queue: Queue, message: Received, leave: () => void): Promise<void> {
    const name = parseMessage(message.body);
    if (!name) return await queue.bury(message, 'the message names no job');
    if (BATCH_IDS.is(name.id)) {
      // A batch has its lines computed elsewhere, and takes no room here.
      leave();
      // Another worker may do batches, where this one knows no edge.
      if (!batches) return await queue.defer(message, jitter(times.strangerSeconds));
      const seconds = await batches.attend(name);
      return seconds === undefined
        ? await queue.remove(message.receipt)
        : await queue.defer(message, seconds);
    }
    const verdict = await judge(services, active, name, message.deliveries);
    switch (verdict.do) {
      case 'forget':
        if (verdict.ended) await finish(services, verdict.ended);
        return await queue.remove(message.receipt);
      case 'wait':
        return await queue.defer(message, verdict.seconds);
      case 'end': {
        const { next, isDead } = verdict;
        if (!next || !(await jobs.write(next))) return await queue.defer(message, 0);
        tellChange(services, next);
        log({ event: 'job', ...namesOf(next), status: next.status, code: next.failure?.code });
        await finish(services, next);
        if (!isDead) return await queue.remove(message.receipt);
        return await queue.bury(message, next.failure?.detail ?? next.status);
      }
      case 'follow':
        await follow(verdict.job, verdict.run, leave);
        return await queue.defer(message, 0);
      case 'run': {
        // The message may have come twice, and both were judged at once.
        const equal = active.get(verdict.job.result.id);
        if (!equal) return await run(queue, verdict.job, message);
        await follow(verdict.job, equal, leave);
        return await queue.defer(message, 0);
      }
    }
  }

  const rest = (): Promise<void> =>
    sleep(jitter(times.restSeconds) * 1000, undefined, { signal: stopping.signal }).catch(
      () => undefined,
    );

  /** @returns whether there was no room for it */
  async function runOnce(queue: Queue, job: JobDocument, message: Received): Promise<boolean> {
    const started = startRun(services, job);
    active.set(job.result.id, started);
    remember(job, started.events);
    try {
      const left = await started.left;
      if (left.is === 'waiting') {
        forget(started.events);
        await queue.defer(message, left.seconds);
        return left.isFull ?? false;
      }
      const { status, attempts, failure } = left.job;
      log({ event: 'job', ...namesOf(left.job), status, attempts, code: failure?.code });
      await finish(services, left.job);
      await queue.remove(message.receipt);
      return false;
    } finally {
      active.delete(job.result.id);
    }
  }

  async function run(queue: Queue, job: JobDocument, message: Received): Promise<void> {
    const isFull = await runOnce(queue, job, message);
    // Others may have room; to take it again and again from under them would cost calls, and help nobody.
    if (isFull && queue.isShared) await rest();
  }

  const { backoffSeconds } = times;
  const laneOf = (queue: Queue): Lane =>
    createLane({
      queue,
      slots,
      backoffSeconds,
      trouble,
      handle: (message, leave) => deliver(queue, message, leave),
    });
  const [interactive, batch] = [laneOf(queues.interactive), laneOf(queues.batch)];
  const lanes = [interactive, batch];
  const onSeen = watchJobs(services, () => ({
    interactive: interactive.busy(),
    batch: batch.busy(),
  }));

  let looking: Promise<void> = Promise.resolve();
  return {
    start() {
      for (const lane of lanes) lane.start();
      looking = keepLookout({ ...services, onSeen }, trouble, stopping.signal);
    },
    async take(name) {
      if (BATCH_IDS.is(name.id)) {
        if (!batches) return { known: false, reason: 'no_edge' };
        if (!(await batches.knows(name))) return { known: false, reason: 'no_document' };
        await queues.batch.send(messageOf(name));
        return { known: true };
      }
      const job = await jobs.read(name);
      if (!job) return { known: false, reason: 'no_document' };
      const offered = services.models();
      const isOffered = job.result.models.every(({ id }) => offered.some((own) => own.id === id));
      if (!isOffered) return { known: false, reason: 'no_model' };
      // An equal one runs: its progress is this one's, whenever its turn comes.
      const run = active.get(job.result.id);
      if (run) remember(name, run.events);
      if (!isFinal(job)) await queues[job.priority].send(messageOf(job));
      return { known: true };
    },
    cancel({ tenant, id }) {
      if (BATCH_IDS.is(id)) return { known: batches?.cancel({ tenant, id }) ?? false };
      const runs = [...active.values()];
      const run = runs.find(({ name }) => name.tenant === tenant && name.id === id);
      run?.giveUp();
      return { known: run !== undefined };
    },
    events: (name, after, signal) => logs.get(messageOf(name))?.read(after, signal),
    async stop() {
      stopping.abort();
      batches?.stop();
      await Promise.all([looking, ...lanes.map((lane) => lane.stop())]);
    },
  };
}
