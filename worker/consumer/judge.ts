/** What is to be done with a job that the queue has given: nothing of it is done here. */
import {
  fail,
  isBegun,
  isFinal,
  type JobDocument,
  type JobName,
  MOST_ATTEMPTS,
  overdue,
  succeed,
} from '../../shared/jobs/job.ts';
import { type ActiveRun, type ActiveRuns, type ConsumerServices, jitter } from './services.ts';

export type Verdict =
  /** It has ended, or was never there. */
  | { readonly do: 'forget'; readonly ended: JobDocument | undefined }
  /** It ends without a run; `isDead` where no worker could ever do it. */
  | { readonly do: 'end'; readonly next: JobDocument | undefined; readonly isDead?: boolean }
  | { readonly do: 'wait'; readonly seconds: number }
  /** An equal one runs here, whose result will be this one's. */
  | { readonly do: 'follow'; readonly run: ActiveRun; readonly job: JobDocument }
  | { readonly do: 'run'; readonly job: JobDocument };

/** Time before a job is looked at again whose models this worker does not have: a quarter of what it has waited. */
const MODEL_SECONDS = { least: 5, most: 60 };

/** A model that no worker has had for so long, while a job waited for it, does not come back. */
const GONE_MILLISECONDS = 1_800_000;

/**
 * Deliveries of a message after which its receivers are taken to end by it: one that gives a job back for any other
 * reason says so, and is not counted. More than a job has attempts, as not every receiver gets as far as to begin it.
 */
export const MOST_DELIVERIES = 10;

/** Beyond the end of a lease, for its holder to write a change that is under way. */
const SLACK_SECONDS = 0.5;

/** Undefined when this worker has the very models that the job was asked of. @throws what the store throws */
async function withoutModels(
  job: JobDocument,
  { models, memory, now }: Pick<ConsumerServices, 'models' | 'memory' | 'now'>,
): Promise<Verdict | undefined> {
  const gone = (detail: string): Verdict => ({
    do: 'end',
    next: fail(job, { code: 'model_not_loaded', detail }, now()),
  });
  const offered = models();
  for (const { id, digest } of job.result.models) {
    const own = offered.find((model) => model.id === id);
    if (own?.digest === digest) continue;
    if (own)
      return gone(`the model ${id} was replaced since the job was asked for; ask for it again`);
    // Another worker may have it, or get it.
    const waited = now() - job.updated;
    if (waited > GONE_MILLISECONDS && now() - ((await memory.seen(id)) ?? 0) > GONE_MILLISECONDS) {
      const minutes = GONE_MILLISECONDS / 60_000;
      return gone(`no worker has had the model ${id} for ${minutes} minutes`);
    }
    const { least, most } = MODEL_SECONDS;
    const seconds = Math.min(most, Math.max(least, (now() - job.created) / 4000));
    return { do: 'wait', seconds: jitter(seconds) };
  }
  return undefined;
}

/** Until when the worker that has a job is believed to live, in unix milliseconds. */
export async function heldUntil(
  { jobs }: Pick<ConsumerServices, 'jobs'>,
  job: JobDocument,
): Promise<number> {
  const lease = await jobs.lease(job);
  const renewed = lease?.worker === job.holder?.worker ? lease?.until : undefined;
  return Math.max(job.holder?.until ?? 0, renewed ?? 0);
}

/** Why no worker will be given a job again; undefined where one may. */
function deadReason({ attempts }: JobDocument, deliveries: number): string | undefined {
  if (attempts >= MOST_ATTEMPTS)
    return `the job was begun ${attempts} times, and its worker ended under it each time`;
  return deliveries > MOST_DELIVERIES
    ? `the job was given to a worker ${deliveries - 1} times, and each ended before it said anything of it`
    : undefined;
}

/** The end of a job that brings its workers down. @param reason as its caller is told */
export const dead = (job: JobDocument, reason: string, now: number): JobDocument | undefined =>
  fail(job, { code: 'attempts_exhausted', detail: reason }, now);

/**
 * @param deliveries of the job's message, this one among them
 * @throws what the store throws
 */
export async function judge(
  services: ConsumerServices,
  active: ActiveRuns,
  name: JobName,
  deliveries: number,
): Promise<Verdict> {
  const { jobs, worker, now, outcomes } = services;
  const job = await jobs.read(name);
  if (!job || isFinal(job)) return { do: 'forget', ended: job };
  if (now() >= job.expires) return { do: 'end', next: fail(job, overdue(job), now()) };
  if (isBegun(job) && job.holder && job.holder.worker !== worker) {
    const until = await heldUntil(services, job);
    if (until > now()) return { do: 'wait', seconds: (until - now()) / 1000 + SLACK_SECONDS };
  }
  const run = active.get(job.result.id);
  const reason = run ? undefined : deadReason(job, deliveries);
  if (reason !== undefined) return { do: 'end', next: dead(job, reason, now()), isDead: true };
  if (!job.result.replace && (await outcomes[job.task].find(job)))
    return { do: 'end', next: succeed(job, now()) };
  if (run) return { do: 'follow', run, job };
  return (await withoutModels(job, services)) ?? { do: 'run', job };
}
