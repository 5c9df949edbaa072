/**
 * A job: work that goes on whether or not its caller waits. Its document says everything about it, and every change
 * is one of the functions below, which answer the next document, or nothing where the job's state does not allow the
 * change. They know no store and no clock.
 *
 *   queued -> starting -> processing -> succeeded | failed | canceled
 *
 * A job goes back to `queued` when its worker has to give it up. It may end from every state that is no end.
 */
import * as z from 'zod';
import { JOB_STATUSES, JOB_TASKS } from '../api/jobs.ts';
import { type Failure, PROBLEMS, type ProblemCode } from '../api/problem.ts';
import { webhookSchema } from '../api/webhooks.ts';
import { prioritySchema } from '../api/worker.ts';

/** Times that a job is begun at most: one that brings its workers down does not do so for ever. */
export const MOST_ATTEMPTS = 3;
/** Time of a job that states no deadline. */
export const LONGEST_MILLISECONDS = 24 * 3_600_000;

const codes = Object.keys(PROBLEMS) as [ProblemCode, ...ProblemCode[]];
export const failureSchema = z.object({
  code: z.enum(codes),
  detail: z.string(),
  errors: z.array(z.object({ detail: z.string(), pointer: z.string() })).optional(),
  retryAfterSeconds: z.number().optional(),
});
export type JobFailure = z.infer<typeof failureSchema>;

/** A failure as a document holds it. */
export const recorded = ({ errors, ...failure }: Failure): JobFailure => ({
  ...failure,
  ...(errors && { errors: [...errors] }),
});

/** A failure as a caller is told it. */
export const failureOfJob = ({ errors, retryAfterSeconds, ...failure }: JobFailure): Failure => ({
  ...failure,
  ...(errors && { errors }),
  ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
});

const hash = z.string().regex(/^[0-9a-f]{64}$/);
const milliseconds = z.number().int().min(0);

export const jobDocumentSchema = z.object({
  format: z.literal(1),
  id: z.string(),
  tenant: z.string(),
  task: z.enum(JOB_TASKS),
  status: z.enum(JOB_STATUSES),
  /** From 1; each change has the next one. */
  revision: z.number().int().min(1),
  /** Unix milliseconds, as all times here. */
  created: milliseconds,
  updated: milliseconds,
  /** When its last attempt began. */
  started: milliseconds.optional(),
  completed: milliseconds.optional(),
  /** When the job fails if it has not ended. */
  expires: milliseconds,
  /** Times that it was begun. */
  attempts: z.number().int().min(0),
  /** Who began it last, and until when it is believed to be at it without a sign of life. */
  holder: z.object({ worker: z.string(), until: milliseconds }).optional(),
  priority: prioritySchema,
  request_id: z.string(),
  /** Names the span that asked for it, so that its trace goes on. */
  traceparent: z.string().max(64).optional(),
  /** Where the result lies, and what has to make it. */
  result: z.object({
    id: hash,
    /** Who shares the result; the tenant alone when left out. */
    scope: z.string().optional(),
    seed: z.number().optional(),
    models: z.array(z.object({ id: z.string(), digest: z.string() })),
    /** Made anew, whatever is stored. */
    replace: z.boolean(),
  }),
  /** sha256 of what a worker is asked; absent for a job that was done when it came. */
  inputs: hash.optional(),
  /** Tokens are kept; the chain's keys, by which its finished targets are found again. */
  keep: z.object({ tokens: z.boolean(), chain: z.array(z.string()).max(64) }).optional(),
  /** Who is told how it goes on. */
  webhook: webhookSchema.optional(),
  /** What it costs when it succeeds, in millionths of the currency; absent where nothing is charged. */
  price: z.object({ amount: z.number().int().min(0), currency: z.string() }).optional(),
  /** What the caller sees beside the stored result. */
  view: z.record(z.string(), z.unknown()).optional(),
  /** Why it failed; of a job that is tried again, why its last attempt did. */
  failure: failureSchema.optional(),
});
export type JobDocument = z.infer<typeof jobDocumentSchema>;

/** What a job is from its beginning on. */
export type JobDescription = Omit<
  JobDocument,
  | 'format'
  | 'status'
  | 'revision'
  | 'created'
  | 'updated'
  | 'started'
  | 'completed'
  | 'expires'
  | 'attempts'
  | 'holder'
  | 'failure'
>;

/** A job's name in the store and in queues. */
export interface JobName {
  readonly tenant: string;
  readonly id: string;
}

export const isFinal = ({ status }: Pick<JobDocument, 'status'>): boolean =>
  status === 'succeeded' || status === 'failed' || status === 'canceled';

/** The same of a document, for whom it matters which of its open states it has. */
export const isOpen = (
  job: JobDocument,
): job is JobDocument & { readonly status: 'queued' | 'starting' | 'processing' } => !isFinal(job);

/** Whether a worker has begun it, or had. */
export const isBegun = ({ status }: Pick<JobDocument, 'status'>): boolean =>
  status === 'starting' || status === 'processing';

const changed = (job: JobDocument, change: Partial<JobDocument>, now: number): JobDocument => ({
  ...job,
  ...change,
  revision: job.revision + 1,
  updated: now,
});

const ended = (job: JobDocument, change: Partial<JobDocument>, now: number) =>
  isFinal(job) ? undefined : changed(job, { ...change, completed: now }, now);

/** @param deadline milliseconds that the caller gives it */
export const createJob = (
  description: JobDescription,
  now: number,
  deadline: number = LONGEST_MILLISECONDS,
): JobDocument => ({
  format: 1,
  ...description,
  status: 'queued',
  revision: 1,
  created: now,
  updated: now,
  expires: now + deadline,
  attempts: 0,
});

/** A job whose result was there when it came. */
export const createDoneJob = (description: JobDescription, now: number): JobDocument => ({
  ...createJob(description, now),
  status: 'succeeded',
  completed: now,
});

/** A worker begins it; also one that another has begun and lost. */
export const start = (
  job: JobDocument,
  holder: NonNullable<JobDocument['holder']>,
  now: number,
): JobDocument | undefined =>
  isFinal(job) || job.attempts >= MOST_ATTEMPTS
    ? undefined
    : changed(job, { status: 'starting', attempts: job.attempts + 1, started: now, holder }, now);

/** Its first step is done. */
export const advance = (job: JobDocument, now: number): JobDocument | undefined =>
  job.status === 'starting' ? changed(job, { status: 'processing' }, now) : undefined;

/** Its worker gives it up for a reason that is not the job's: the attempt does not count. */
export const postpone = (job: JobDocument, now: number): JobDocument | undefined =>
  isBegun(job) ? changed(job, { status: 'queued', attempts: job.attempts - 1 }, now) : undefined;

/** Its attempt has failed, and there is another one left. */
export const retry = (job: JobDocument, failure: Failure, now: number): JobDocument | undefined =>
  isBegun(job) && job.attempts < MOST_ATTEMPTS
    ? changed(job, { status: 'queued', failure: recorded(failure) }, now)
    : undefined;

/** Its result is stored, whoever made it. */
export function succeed(job: JobDocument, now: number): JobDocument | undefined {
  const { failure: _, ...rest } = job;
  return ended(rest, { status: 'succeeded' }, now);
}

export const fail = (job: JobDocument, failure: Failure, now: number) =>
  ended(job, { status: 'failed', failure: recorded(failure) }, now);

/** What a job fails with that has not ended in its time. */
export const overdue = ({ created, expires }: JobDocument): Failure => ({
  code: 'deadline_exceeded',
  detail: `the job was not done within its ${expires - created} ms`,
});

export function cancel(job: JobDocument, now: number): JobDocument | undefined {
  const { failure: _, ...rest } = job;
  return ended(rest, { status: 'canceled' }, now);
}
