/** Jobs as callers see them: `GET /v1/jobs/{id}`, listings, and what a computation answers that became one. */
import * as z from 'zod';
import { classifyResponseSchema } from './classify.ts';
import { embedResponseSchema } from './embed.ts';
import { generateResponseSchema } from './generate.ts';
import { headSchema } from './heads.ts';
import { isJobId } from './jobId.ts';
import { priceFields } from './price.ts';
import { problemSchema } from './problemSchema.ts';

export const JOB_STATUSES = [
  'queued',
  'starting',
  'processing',
  'succeeded',
  'failed',
  'canceled',
] as const;
export type JobStatus = (typeof JOB_STATUSES)[number];

/** Tasks that can be jobs, by the kind of the work that a worker is asked. */
export const JOB_TASKS = ['generate', 'embed', 'classify', 'fitHead'] as const;
export type JobTask = (typeof JOB_TASKS)[number];

export const jobIdSchema = z
  .string()
  .refine(isJobId, 'must be the id of a job')
  .describe('Id of a job');
export const jobStatusSchema = z
  .enum(JOB_STATUSES)
  .meta({ id: 'JobStatus', description: 'How far a job has come; the last three are its ends' });

const time = z.string().describe('Time, as RFC 3339 writes it');

export const listedJobSchema = z
  .object({
    id: z.string().describe('Id of the job; later jobs come first in the order of ids'),
    task: z.enum(JOB_TASKS).describe('What is computed'),
    status: jobStatusSchema,
    created_at: time.describe('When it was asked for'),
    started_at: time.optional().describe('When a worker began it, the last time that one did'),
    completed_at: time.optional().describe('When it ended'),
    expires_at: time.describe('When it fails if it has not ended: its deadline'),
    attempts: z.number().int().describe('Times that a worker began it'),
    result_id: z.string().describe('The hash of the request: equal requests have equal results'),
    seed: z.number().optional().describe('The seed, where there is one'),
    price: z
      .number()
      .int()
      .optional()
      .describe(
        'What it costs when it succeeds, in millionths of the currency; there where the server charges',
      ),
    currency: priceFields.currency,
    problem: problemSchema.optional().describe('Why it failed'),
  })
  .meta({ id: 'ListedJob', description: 'A job without its result' });
export type ListedJob = z.infer<typeof listedJobSchema>;

export const jobResultSchema = z
  .union([generateResponseSchema, embedResponseSchema, classifyResponseSchema, headSchema])
  .meta({ id: 'JobResult', description: 'What the request would have been answered' });

export const jobSchema = listedJobSchema
  .extend({
    result: jobResultSchema
      .optional()
      .describe('What the request would have been answered; there once the job has succeeded'),
  })
  .meta({ id: 'Job', description: 'Work that goes on whether or not its caller waits' });
export type Job = z.infer<typeof jobSchema>;

export const jobsResponseSchema = z
  .object({
    jobs: z.array(listedJobSchema).describe('The newest first'),
    next: z.string().optional().describe('`after` of the next page; absent on the last one'),
  })
  .meta({ id: 'JobsResponse', description: 'A page of jobs' });
export type JobsResponse = z.infer<typeof jobsResponseSchema>;

/** Jobs of a page at most. */
export const MOST_JOBS = 100;
export const jobsPageSchema = z.number().int().min(1).max(MOST_JOBS).default(20);
