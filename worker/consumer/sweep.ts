/**
 * Finds jobs that have not ended, whatever became of the queue and of the workers that had them. A queue of this
 * process's own is sent all of them, since it keeps equal messages as one. One that many share is not: it is asked how
 * many messages it has, and where these are fewer than the jobs that wait, the oldest are sent again, as many as are
 * missing and some more. So lost messages are replaced, and a long queue does not grow by being looked at.
 */
import { timeOfJobId } from '../../shared/api/jobId.ts';
import { isBegun, isFinal, type JobDocument, type JobName } from '../../shared/jobs/job.ts';
import { messageOf } from '../../shared/jobs/message.ts';
import { type Depth, depthOf } from '../../shared/queue/queue.ts';
import { isDoubtful } from './doubtful.ts';
import { finish } from './finish.ts';
import { heldUntil } from './judge.ts';
import type { ConsumerServices } from './services.ts';

/** What was written of a job whose edge ended before it wrote the job itself is removed after this time. */
const ORPHAN_MILLISECONDS = 600_000;
/** Beyond the number of missing messages, since it is not known whose they are. */
const MORE = 10;
/** At this age, at twice this age and so on a job is sent again, whatever the number of messages says. */
const DOUBTFUL_MILLISECONDS = 900_000;
/** The same of a batch: there are few, so that messages too many cost little. */
const DOUBTFUL_BATCH_MILLISECONDS = 60_000;
/** Jobs that are looked at together. */
const AT_ONCE = 16;

/** Jobs that have not ended, as a look has found them. */
export interface Seen {
  /** By status; `unread` are those whose documents there was no reason to read. */
  readonly open: Readonly<Record<'queued' | 'starting' | 'processing' | 'unread', number>>;
  /** When the oldest of them was asked for, and when the look was, in unix milliseconds. */
  readonly oldest: number | undefined;
  readonly at: number;
}

export type SweepServices = Pick<ConsumerServices, 'jobs' | 'now' | 'queues' | 'announce'> & {
  /** Told of what a look has found. */
  readonly onSeen?: (seen: Seen) => void;
};

/** @param read jobs whose documents were read. @param unread the others, the oldest first */
function seenOf(
  { now }: SweepServices,
  read: readonly JobDocument[],
  unread: readonly JobName[],
): Seen {
  const count = (wanted: string): number => read.filter(({ status }) => status === wanted).length;
  const ages = [...read, ...unread].map(({ id }) => timeOfJobId(id));
  return {
    open: {
      queued: count('queued'),
      starting: count('starting'),
      processing: count('processing'),
      unread: unread.length,
    },
    oldest: ages.length === 0 ? undefined : Math.min(...ages),
    at: now(),
  };
}

async function openJobs({ jobs }: Pick<SweepServices, 'jobs'>): Promise<JobName[]> {
  const names: JobName[] = [];
  for await (const name of jobs.open()) names.push(name);
  // Ids name the newest job first, and the oldest has waited longest.
  return names.reverse();
}

/** The job of a name, where it has not ended; of one that has, what follows from its end is made up for. */
async function readOpen(
  { jobs, now, announce }: Pick<SweepServices, 'jobs' | 'now' | 'announce'>,
  name: JobName,
): Promise<JobDocument | undefined> {
  const job = await jobs.read(name);
  if (job && !isFinal(job)) return job;
  if (job) await finish({ jobs, announce }, job);
  else if (now() - timeOfJobId(name.id) > ORPHAN_MILLISECONDS) await jobs.clear(name);
  return undefined;
}

const send = ({ queues }: Pick<SweepServices, 'queues'>, job: JobDocument): Promise<void> =>
  queues[job.priority].send(messageOf(job));

/** Sends every job that has not ended, the oldest first. @throws what the store throws */
export async function sweepOwn(services: SweepServices, signal: AbortSignal): Promise<void> {
  const open: JobDocument[] = [];
  for (const name of await openJobs(services)) {
    if (signal.aborted) return;
    const job = await readOpen(services, name);
    if (!job) continue;
    open.push(job);
    await send(services, job);
  }
  services.onSeen?.(seenOf(services, open, []));
}

/** Jobs of one priority: those that wait, the oldest first, and how many are at work. */
interface Lane {
  readonly waiting: JobDocument[];
  held: number;
}

/**
 * Messages that a queue lacks; those that belong to jobs at work are no others'.
 * @param batches whose messages lie in the queue as well
 */
const missing = (depth: Depth, { waiting, held }: Lane, batches: number): number => {
  const left = Math.max(0, depthOf(depth) - Math.min(depth.taken, held) - batches);
  return Math.max(0, waiting.length - left);
};

export interface Look {
  /** Time since the look before this one. */
  readonly sinceMilliseconds: number;
  /** The message of a younger job may be on its way, and not counted yet. */
  readonly youngMilliseconds: number;
  /**
   * Looks at batches as well, whose messages lie in the queue of jobs that nobody waits for; absent where there are none.
   * @returns batches that have not ended
   */
  readonly batches?: (isDue: (age: number) => boolean) => Promise<number>;
}

/**
 * Looks at the queues that many share.
 * @returns how many jobs were sent again
 * @throws what the store or the queue throws
 */
export async function sweepShared(
  services: SweepServices,
  { sinceMilliseconds, youngMilliseconds, batches }: Look,
  signal: AbortSignal,
): Promise<number> {
  const { now, queues } = services;
  const age = ({ id }: JobName): number => now() - timeOfJobId(id);
  // Counted before the jobs are: one that ends in between is not missed.
  const depths = {
    interactive: await queues.interactive.depth(),
    batch: await queues.batch.depth(),
  };
  const all = await openJobs(services);
  const names = all.filter((name) => age(name) > youngMilliseconds);
  const messages = depthOf(depths.interactive) + depthOf(depths.batch);
  // Their messages cannot be told from those of jobs: where there is none at all, theirs are lost as well.
  const openBatches =
    (await batches?.(
      (age) =>
        (messages === 0 && age > youngMilliseconds) ||
        isDoubtful(age, sinceMilliseconds, DOUBTFUL_BATCH_MILLISECONDS),
    )) ?? 0;
  const areFewer = messages < names.length + openBatches;
  const looked = areFewer
    ? names
    : names.filter((name) => isDoubtful(age(name), sinceMilliseconds, DOUBTFUL_MILLISECONDS));

  const lanes: Record<JobDocument['priority'], Lane> = {
    interactive: { waiting: [], held: 0 },
    batch: { waiting: [], held: 0 },
  };
  const read: JobDocument[] = [];
  for (let at = 0; at < looked.length && !signal.aborted; at += AT_ONCE) {
    const names = looked.slice(at, at + AT_ONCE);
    const found = await Promise.all(
      names.map(async (name) => {
        const job = await readOpen(services, name);
        const isHeld = job && isBegun(job) && (await heldUntil(services, job)) > now();
        return { job, isHeld };
      }),
    );
    for (const { job, isHeld } of found) {
      if (job) read.push(job);
      if (job && isHeld) lanes[job.priority].held++;
      else if (job) lanes[job.priority].waiting.push(job);
    }
  }

  const lookedAt = new Set(looked);
  const unread = all.filter((name) => !lookedAt.has(name));
  services.onSeen?.(seenOf(services, read, unread));
  let sent = 0;
  for (const priority of ['interactive', 'batch'] as const) {
    const lane = lanes[priority];
    const others = priority === 'batch' ? openBatches : 0;
    const lost = areFewer ? missing(depths[priority], lane, others) : 0;
    const most = lost === 0 ? 0 : 2 * lost + MORE;
    for (const [index, job] of lane.waiting.entries()) {
      if (signal.aborted) return sent;
      const isOld = isDoubtful(age(job), sinceMilliseconds, DOUBTFUL_MILLISECONDS);
      if (index >= most && !isOld) continue;
      await send(services, job);
      sent++;
    }
  }
  return sent;
}
