/** What a webhook's body holds. */
import * as z from 'zod';
import { batchSchema } from './batches.ts';
import { listedJobSchema } from './jobs.ts';
import { BATCH_EVENTS, JOB_EVENTS } from './webhookEvents.ts';

export const jobWebhookSchema = z
  .object({
    type: z.enum(JOB_EVENTS).describe('What has happened'),
    timestamp: z.string().describe('When it happened, as RFC 3339 writes it'),
    data: listedJobSchema
      .extend({ url: z.string().describe('Path of the job, whose result is answered there') })
      .describe('The job as it was then, without its result'),
  })
  .meta({ id: 'JobWebhook', description: 'What a webhook is told of a job' });
export type JobWebhook = z.infer<typeof jobWebhookSchema>;

export const batchWebhookSchema = z
  .object({
    type: z.enum(BATCH_EVENTS).describe('What has happened'),
    timestamp: z.string().describe('When it happened, as RFC 3339 writes it'),
    data: batchSchema
      .extend({ url: z.string().describe('Path of the batch') })
      .describe(
        'The batch as it was then; its metadata is null where that is too long for a webhook',
      ),
  })
  .meta({ id: 'BatchWebhook', description: 'What a webhook is told of a batch' });
export type BatchWebhook = z.infer<typeof batchWebhookSchema>;

/** What each kind of webhook holds, by the name that documents have for it. */
export const WEBHOOK_PAYLOADS = { job: jobWebhookSchema, batch: batchWebhookSchema } as const;
