/** What a webhook's body holds. */
import * as z from 'zod';
import { listedJobSchema } from './jobs.ts';
import { JOB_EVENTS } from './webhookEvents.ts';

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
