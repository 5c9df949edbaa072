/** What an edge tells a worker of jobs: `POST` to `jobs` of the worker's addresses. */
import * as z from 'zod';

const name = { tenant: z.string().min(1).max(128), id: z.string().min(1).max(64) };

export const workerJobsRequestSchema = z.discriminatedUnion('do', [
  /** There is a job that waits: -> JobAnswer. */
  z.object({ do: z.literal('take'), ...name }),
  /** A job was canceled: -> JobAnswer. */
  z.object({ do: z.literal('cancel'), ...name }),
  /** Events of what has this name wait to be told by webhooks: -> JobAnswer. */
  z.object({ do: z.literal('deliver'), ...name }),
  /** Its progress: -> events `progress` (Progress) with ids, until its run ends; or JobAnswer where none is known. */
  z.object({ do: z.literal('events'), ...name, after: z.string().max(64).optional() }),
]);
export type WorkerJobsRequest = z.infer<typeof workerJobsRequestSchema>;

export const workerJobsAnswerSchema = z.object({
  /** Whether this worker has the job. */
  known: z.boolean(),
  /** Why it does not take it. */
  reason: z.enum(['no_store', 'no_document', 'no_model', 'no_edge']).optional(),
});
export type WorkerJobsAnswer = z.infer<typeof workerJobsAnswerSchema>;
