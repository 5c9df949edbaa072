/** What webhooks tell of, without schemas, so that the client can name it without zod. */

/** What is told of a job. Its ends are told unless a request chooses. */
export const JOB_EVENTS = ['job.started', 'job.succeeded', 'job.failed', 'job.canceled'] as const;
export const JOB_ENDS = ['job.succeeded', 'job.failed', 'job.canceled'] as const;

/** What is told of a batch: its ends. */
export const BATCH_EVENTS = [
  'batch.completed',
  'batch.failed',
  'batch.expired',
  'batch.cancelled',
] as const;

export const WEBHOOK_EVENTS = [...JOB_EVENTS, ...BATCH_EVENTS] as const;
export type WebhookEventType = (typeof WEBHOOK_EVENTS)[number];

/** A body that is sent has less than so many bytes. */
export const MOST_PAYLOAD_BYTES = 20_000;
