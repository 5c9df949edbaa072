/** Routes of the route table about jobs. */

import { ADDRESSES } from './addresses.ts';
import { progressSchema } from './generate.ts';
import {
  jobIdSchema,
  jobResultSchema,
  jobSchema,
  jobStatusSchema,
  jobsPageSchema,
  jobsResponseSchema,
  listedJobSchema,
} from './jobs.ts';
import { problemSchema } from './problemSchema.ts';
import { INLINE, type Route } from './route.ts';

const ID = [{ name: 'id', description: 'Id of the job', schema: jobIdSchema }];
const PLACE_PROBLEMS = ['no_jobs', 'store_unavailable'] as const;
const JOB_PROBLEMS = ['invalid_request', 'unknown_job', ...PLACE_PROBLEMS] as const;

export const JOB_ROUTES = {
  jobs: {
    id: 'jobs',
    ...ADDRESSES.jobs,
    tag: 'jobs',
    summary: 'Jobs, the newest first',
    description:
      'A page may hold fewer jobs than its limit, where few have the status; it is the last one when it has no `next`.',
    query: [
      {
        name: 'status',
        description: 'Only jobs that have come so far; all of them when absent',
        schema: jobStatusSchema.optional(),
      },
      { name: 'limit', description: 'Jobs of a page', schema: jobsPageSchema },
      {
        name: 'after',
        description: '`next` of the page before',
        schema: jobIdSchema.optional(),
      },
    ],
    response: { 'application/json': jobsResponseSchema },
    problems: ['invalid_request', ...PLACE_PROBLEMS],
  },
  job: {
    id: 'job',
    ...ADDRESSES.job,
    tag: 'jobs',
    summary: 'How far a job has come, and its result',
    parameters: ID,
    query: [INLINE],
    response: { 'application/json': jobSchema },
    problems: [...JOB_PROBLEMS],
  },
  cancelJob: {
    id: 'cancelJob',
    ...ADDRESSES.cancelJob,
    tag: 'jobs',
    summary: 'Cancel a job',
    description:
      'A job that runs stops within one decoding step. One that has ended stays as it is, and is answered.',
    parameters: ID,
    query: [INLINE],
    response: { 'application/json': jobSchema },
    problems: [...JOB_PROBLEMS],
  },
  jobEvents: {
    id: 'jobEvents',
    ...ADDRESSES.jobEvents,
    tag: 'jobs',
    summary: 'The progress of a job, and its result',
    description:
      'The events that the request would have been answered with. Each has an id; `Last-Event-ID` asks for those ' +
      'behind it. Where a job was begun again, the events of its new attempt come from the beginning. A canceled ' +
      'job ends with the event `canceled`.',
    parameters: ID,
    query: [INLINE],
    response: {
      'text/event-stream': {
        description: 'Server-sent events: progress for each step, then result, problem or canceled',
        text: true,
        events: {
          progress: progressSchema,
          result: jobResultSchema,
          problem: problemSchema,
          canceled: listedJobSchema,
        },
      },
    },
    problems: [...JOB_PROBLEMS],
  },
} as const satisfies Record<string, Route>;
