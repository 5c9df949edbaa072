/**
 * A batch: many requests in one file, whose answers are gathered in two. Its document says what it is and how far it
 * has come; which pieces of it are done, their records say (`batchStore.ts`). Every change is one of the functions
 * below, which answer the next document, or nothing where the batch's status does not allow it. They know no
 * store and no clock.
 *
 *   validating -> in_progress -> finalizing -> completed
 *        |             |---------------------> expired
 *        '-> cancelling <-'-----------------> cancelled
 *
 * A batch fails from every status that is no end, when it cannot be worked on at all.
 */
import * as z from 'zod';
import { BATCH_STATUSES, BATCH_URLS, type BatchStatus } from '../api/batches.ts';
import type { Failure } from '../api/problem.ts';
import { webhookSchema } from '../api/webhooks.ts';
import { failureSchema, recorded } from '../jobs/job.ts';

/** Times that a batch is begun without another piece being done: one that brings workers down does not do so for ever. */
export const MOST_STALLS = 12;

const milliseconds = z.number().int().min(0);
const count = z.number().int().min(0);
const countsSchema = z.object({ completed: count, failed: count });
export type Counts = z.infer<typeof countsSchema>;

export const batchDocumentSchema = z.object({
  format: z.literal(1),
  id: z.string(),
  tenant: z.string(),
  /** From 1; each change has the next one. */
  revision: z.number().int().min(1),
  status: z.enum(BATCH_STATUSES),
  /** Unix milliseconds, as all times here. */
  created: milliseconds,
  updated: milliseconds,
  /** When it came to each status. */
  since: z.partialRecord(z.enum(BATCH_STATUSES), milliseconds),
  expires: milliseconds,
  /** The time that it was given, as the caller wrote it. */
  window: z.string(),
  request_id: z.string(),
  /** Id of the key that asked for it, which its lines are counted for. */
  key: z.string().optional(),
  /** The addresses that this key opens, which its lines may ask; all of them when left out. */
  urls: z.array(z.enum(BATCH_URLS)).optional(),
  endpoint: z.enum(BATCH_URLS).optional(),
  /** The upload that held its lines. */
  upload: z.string().optional(),
  metadata: z.record(z.string(), z.string()).optional(),
  /** Who is told of its end. */
  webhook: webhookSchema.optional(),
  /** Lines that ask for something, and where each piece of the input begins. */
  lines: count,
  bytes: count,
  /** Number of each piece's first line in the file, from 1. */
  pieces: z.array(z.number().int().min(1)),
  /** Times that it was begun. */
  attempts: count,
  /** Pieces that were done when it was begun last, and how often it was begun since there were no more. */
  reached: count,
  stalls: count,
  /** Who began it last, and until when it is believed to be at it without a sign of life. */
  holder: z.object({ worker: z.string(), until: milliseconds }).optional(),
  /** Lines of its two files; there when it has ended. */
  counts: countsSchema.optional(),
  failure: failureSchema.optional(),
});
export type BatchDocument = z.infer<typeof batchDocumentSchema>;

/** What a batch is from its beginning on. */
export type BatchDescription = Pick<
  BatchDocument,
  | 'id'
  | 'tenant'
  | 'window'
  | 'request_id'
  | 'key'
  | 'urls'
  | 'endpoint'
  | 'upload'
  | 'metadata'
  | 'webhook'
  | 'lines'
  | 'bytes'
  | 'pieces'
>;

export interface BatchName {
  readonly tenant: string;
  readonly id: string;
}

type Holder = NonNullable<BatchDocument['holder']>;

const ENDS: readonly BatchStatus[] = ['completed', 'failed', 'expired', 'cancelled'];
export const isEnded = ({ status }: Pick<BatchDocument, 'status'>): boolean =>
  ENDS.includes(status);

function changed(batch: BatchDocument, change: Partial<BatchDocument>, now: number): BatchDocument {
  const status = change.status ?? batch.status;
  const since = status === batch.status ? batch.since : { ...batch.since, [status]: now };
  return { ...batch, ...change, since, revision: batch.revision + 1, updated: now };
}

/** @param window milliseconds after which it expires */
export const createBatch = (
  description: BatchDescription,
  now: number,
  window: number,
): BatchDocument => ({
  format: 1,
  ...description,
  revision: 1,
  status: 'validating',
  created: now,
  updated: now,
  since: { validating: now },
  expires: now + window,
  attempts: 0,
  reached: 0,
  stalls: 0,
});

/**
 * A worker begins it, or goes on with what another has left.
 * @param done pieces of it that are done
 */
export function begin(
  batch: BatchDocument,
  holder: Holder,
  done: number,
  now: number,
): BatchDocument | undefined {
  if (isEnded(batch)) return undefined;
  const stalls = done > batch.reached ? 1 : batch.stalls + 1;
  const status = batch.status === 'validating' ? 'in_progress' : batch.status;
  return changed(
    batch,
    { status, holder, attempts: batch.attempts + 1, reached: done, stalls },
    now,
  );
}

/** Whether it was begun too often: what begins it now has to end it. */
export const isStalled = ({ stalls }: BatchDocument): boolean => stalls > MOST_STALLS;

/** Its worker gives it up for a reason that is not the batch's: this attempt does not count as one without success. */
export function release(batch: BatchDocument, now: number): BatchDocument | undefined {
  const { holder, ...rest } = batch;
  if (isEnded(batch) || !holder) return undefined;
  return changed(rest, { stalls: Math.max(0, batch.stalls - 1) }, now);
}

/** Its caller wants no more of it. */
export const requestCancel = (batch: BatchDocument, now: number): BatchDocument | undefined =>
  batch.status === 'validating' || batch.status === 'in_progress'
    ? changed(batch, { status: 'cancelling' }, now)
    : undefined;

/** All of its pieces are done. */
export const finalize = (batch: BatchDocument, now: number): BatchDocument | undefined =>
  batch.status === 'in_progress' ? changed(batch, { status: 'finalizing' }, now) : undefined;

const ended = (batch: BatchDocument, change: Partial<BatchDocument>, now: number) => {
  const { holder: _, ...rest } = batch;
  return changed(rest, change, now);
};

/** Each of its lines is in one of its files. */
export function settle(
  batch: BatchDocument,
  counts: Counts,
  now: number,
): BatchDocument | undefined {
  if (batch.status === 'finalizing') return ended(batch, { status: 'completed', counts }, now);
  if (batch.status === 'cancelling') return ended(batch, { status: 'cancelled', counts }, now);
  return undefined;
}

/** Its time was over before all lines were done; those that were not are in its error file. */
export const expire = (batch: BatchDocument, counts: Counts, now: number) =>
  batch.status === 'validating' || batch.status === 'in_progress'
    ? ended(batch, { status: 'expired', counts }, now)
    : undefined;

export const failBatch = (batch: BatchDocument, failure: Failure, counts: Counts, now: number) =>
  isEnded(batch)
    ? undefined
    : ended(batch, { status: 'failed', counts, failure: recorded(failure) }, now);
