/** Batches as callers see them, in the fields and statuses that OpenAI's have: many requests in one file. */
import * as z from 'zod';
import { BATCH_IDS } from './batchId.ts';
import { uploadIdSchema } from './uploads.ts';
import { BATCH_EVENTS } from './webhookEvents.ts';
import { webhookFields } from './webhooks.ts';

export const BATCH_STATUSES = [
  'validating',
  'in_progress',
  'finalizing',
  'completed',
  'failed',
  'expired',
  'cancelling',
  'cancelled',
] as const;
export type BatchStatus = (typeof BATCH_STATUSES)[number];

/** What a line can ask for. */
export const BATCH_URLS = ['/v1/generate', '/v1/tokenize', '/v1/embed', '/v1/classify'] as const;
export type BatchUrl = (typeof BATCH_URLS)[number];

export const batchIdSchema = z
  .string()
  .refine(BATCH_IDS.is, 'must be the id of a batch')
  .describe('Id of a batch');
export const batchStatusSchema = z.enum(BATCH_STATUSES).meta({
  id: 'BatchStatus',
  description:
    'How far a batch has come: completed, failed, expired and cancelled are its ends, and validating is before a worker has it',
});

const WINDOW = /^([1-9]\d{0,3})([mh])$/;
const MOST_WINDOW_MILLISECONDS = 7 * 24 * 3_600_000;
export const DEFAULT_WINDOW = '24h';
/** `24h` in milliseconds. */
export const windowMilliseconds = (window: string): number => {
  const [, number, unit] = WINDOW.exec(window) ?? [];
  return Number(number) * (unit === 'h' ? 3_600_000 : 60_000);
};
export const completionWindowSchema = z
  .string()
  .refine(
    (text) => WINDOW.test(text) && windowMilliseconds(text) <= MOST_WINDOW_MILLISECONDS,
    'must be a time such as 30m or 24h, of at most 168h',
  )
  .default(DEFAULT_WINDOW)
  .describe('Time after which a batch that has not ended expires, such as 30m or 24h');
export const endpointSchema = z
  .enum(BATCH_URLS)
  .optional()
  .describe('What every line has to ask for; each line its own when absent');

export const metadataSchema = z
  .record(z.string().min(1).max(64), z.string().max(512))
  .refine((metadata) => Object.keys(metadata).length <= 16, 'must have at most 16 fields')
  .describe('Texts of the caller, which the batch is answered with');

const { webhook, webhook_events_filter } = webhookFields(BATCH_EVENTS);
export const batchWebhookFields = {
  webhook: webhook.describe('Address that is told when the batch has ended'),
  webhook_events_filter,
};

export const createBatchRequestSchema = z
  .strictObject({
    input: z
      .strictObject({ upload: uploadIdSchema })
      .optional()
      .describe('The upload that holds the lines'),
    input_file_id: uploadIdSchema
      .optional()
      .describe("The same as the upload's id alone, as clients of OpenAI's API say it"),
    endpoint: endpointSchema,
    completion_window: completionWindowSchema,
    metadata: metadataSchema.optional(),
    ...batchWebhookFields,
  })
  .refine(
    ({ input, input_file_id }) => (input === undefined) !== (input_file_id === undefined),
    'must name one input: input, or input_file_id',
  )
  .meta({ id: 'CreateBatchRequest', description: 'A batch whose lines were uploaded' });

const count = z.number().int().min(0);
const seconds = z.number().int().optional();

export const requestCountsSchema = z
  .object({
    total: count.describe('Lines that ask for something'),
    completed: count.describe('Lines in the output'),
    failed: count.describe('Lines in the error file'),
  })
  .meta({ id: 'BatchRequestCounts', description: 'How many lines have come how far' });

export const batchSchema = z
  .object({
    id: z.string().describe('Id of the batch; later batches come first in the order of ids'),
    object: z.literal('batch').describe('As OpenAI writes it'),
    endpoint: z.string().nullable().describe('What every line asks for, where that was said'),
    completion_window: z.string().describe('Time that the batch was given'),
    status: batchStatusSchema,
    request_counts: requestCountsSchema,
    input_file_id: z.string().nullable().describe('The upload that held its lines; null of a body'),
    metadata: metadataSchema.nullable().describe('Texts of the caller'),
    input_bytes: count.describe('Bytes of the input'),
    output_url: z.string().nullable().describe('Address of the output; null before the end'),
    errors_url: z.string().nullable().describe('Address of the error file; null before the end'),
    created_at: z.number().int().describe('Unix seconds, as all times of a batch'),
    in_progress_at: seconds.describe('When a worker began it first'),
    finalizing_at: seconds.describe('When its last line was done'),
    completed_at: seconds.describe('When it was completed'),
    failed_at: seconds.describe('When it failed'),
    expires_at: z.number().int().describe('When it expires if it has not ended'),
    expired_at: seconds.describe('When it expired'),
    cancelling_at: seconds.describe('When it was told to stop'),
    cancelled_at: seconds.describe('When it had stopped'),
    errors: z
      .object({
        code: z.string().describe('What went wrong; stable'),
        message: z.string().describe('What went wrong, for people'),
      })
      .optional()
      .describe('Why the batch as a whole failed'),
  })
  .meta({ id: 'Batch', description: 'Many requests in one file' });
export type Batch = z.infer<typeof batchSchema>;

export const batchesResponseSchema = z
  .object({
    object: z.literal('list').describe('As OpenAI writes it'),
    data: z.array(batchSchema).describe('The newest first'),
    first_id: z.string().nullable().describe('Id of the first one; null of an empty page'),
    last_id: z.string().nullable().describe('`after` of the next page'),
    has_more: z.boolean().describe('Whether there is another page'),
  })
  .meta({ id: 'BatchesResponse', description: 'A page of batches' });
export type BatchesResponse = z.infer<typeof batchesResponseSchema>;

/** Batches of a page at most. */
export const MOST_BATCHES = 100;
export const batchesPageSchema = z.number().int().min(1).max(MOST_BATCHES).default(20);

/** What ends the file of errors of a batch that did not come to its lines. */
export const LINE_CODES = ['batch_expired', 'batch_cancelled', 'batch_failed'] as const;

/** A line of the output, or of the error file. */
export interface BatchLine {
  /** `<batch>-<line>`. */
  readonly id: string;
  /** Null where the line was none that could be read. */
  readonly custom_id: string | null;
  readonly response: {
    readonly status_code: number;
    readonly request_id: string;
    /** What the request would have been answered. */
    readonly body: unknown;
  } | null;
  readonly error: { readonly code: string; readonly message: string; readonly line: number } | null;
}
