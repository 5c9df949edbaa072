/** A batch's document -> the batch as its caller sees it. */
import { BATCH_STATUSES, type Batch } from '../api/batches.ts';
import { type BatchDocument, type Counts, isEnded } from './batch.ts';

export const batchPath = (id: string): string => `/v1/batches/${id}`;

/** A batch, and how many of its lines are done by the last sign of life of its worker. */
export interface BatchState {
  readonly batch: BatchDocument;
  readonly counts: Counts;
}

const secondsOf = (milliseconds: number): number => Math.floor(milliseconds / 1000);

/** A batch is in the first of them from the beginning, of which `created_at` tells. */
const [, ...TIMED] = BATCH_STATUSES;

export function batchView({ batch, counts }: BatchState): Batch {
  const { id, status, since, failure } = batch;
  const times = Object.fromEntries(
    TIMED.flatMap((at) => {
      const time = since[at];
      return time === undefined ? [] : [[`${at}_at`, secondsOf(time)]];
    }),
  );
  return {
    id,
    object: 'batch',
    endpoint: batch.endpoint ?? null,
    completion_window: batch.window,
    status,
    request_counts: { total: batch.lines, ...counts },
    input_file_id: batch.upload ?? null,
    metadata: batch.metadata ?? null,
    input_bytes: batch.bytes,
    output_url: isEnded(batch) ? `${batchPath(id)}/output` : null,
    errors_url: isEnded(batch) ? `${batchPath(id)}/errors` : null,
    created_at: secondsOf(batch.created),
    ...times,
    expires_at: secondsOf(batch.expires),
    ...(failure && { errors: { code: failure.code, message: failure.detail } }),
  };
}
