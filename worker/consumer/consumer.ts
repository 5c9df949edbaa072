/**
 * The consumer of jobs: it keeps as many of them at work as it has slots, takes each from the queue when there is
 * room for it, and finds again what the queue has lost.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import type { WorkerJobsAnswer } from '../../shared/api/jobWork.ts';
import { isFinal, type JobName } from '../../shared/jobs/job.ts';
import type { Received } from '../../shared/queue/queue.ts';
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
  const { jobs, queue, log, times, slots } = services;
  const active: ActiveRuns = new Map();
  /** Jobs by name -> the progress of the run that is theirs, the newest last. */
  const logs = new Map<string, EventLog>();
  const handled = new Set<Promise<void>>();
  const stopping = new AbortController();
  let busy = 0;
  let freed = (): void => {};

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
  async function deliver({ body, receipt }: Received, leave: () => void): Promise<void> {
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
        return await run(verdict.job, receipt);
    }
  }

  async function run(job: Parameters<typeof startRun>[1], receipt: string): Promise<void> {
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

  async function handle(message: Received): Promise<void> {
    let holdsSlot = true;
    busy++;
    const leave = (): void => {
      if (!holdsSlot) return;
      holdsSlot = false;
      busy--;
      freed();
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
      await deliver(message, leave);
    } catch (error) {
      trouble(`the job ${message.body} could not be handled`, error);
      await queue.hide(message.receipt, times.backoffSeconds).catch(() => undefined);
    } finally {
      clearInterval(extend);
      leave();
    }
  }

  async function loop(): Promise<void> {
    const { signal } = stopping;
    while (!signal.aborted) {
      if (busy >= slots) {
        await new Promise<void>((resolve) => {
          freed = resolve;
        });
        continue;
      }
      try {
        const most = slots - busy;
        for (const message of await queue.receive({ most, waitSeconds: WAIT_SECONDS, signal })) {
          const handling = handle(message).finally(() => handled.delete(handling));
          handled.add(handling);
        }
      } catch (error) {
        trouble('the queue of jobs does not answer', error);
        await sleep(TROUBLE_MILLISECONDS, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  async function sweep(): Promise<void> {
    const { signal } = stopping;
    while (!signal.aborted) {
      await sweepJobs(services, (name) => queue.send(messageOf(name)), signal).catch((error) =>
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
      looping = Promise.all([loop(), sweep()]);
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
      if (!isFinal(job)) await queue.send(messageOf(name));
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
      freed();
      await looping;
      await Promise.all(handled);
    },
  };
}
