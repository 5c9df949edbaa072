/** A job, or a batch, as a message of a queue: its name, and nothing of what it is. */
import * as z from 'zod';
import { BATCH_IDS } from '../api/batchId.ts';
import { isJobId } from '../api/jobId.ts';
import type { JobName } from './job.ts';

const nameSchema = z.object({
  tenant: z.string().regex(/^[A-Za-z0-9._-]{1,128}$/),
  id: z.string(),
});

export const messageOf = ({ tenant, id }: JobName): string => JSON.stringify({ tenant, id });

/** The job or the batch that a message names; undefined where it names none. */
export function parseMessage(body: string): JobName | undefined {
  try {
    const { success, data } = nameSchema.safeParse(JSON.parse(body));
    return success && (isJobId(data.id) || BATCH_IDS.is(data.id)) ? data : undefined;
  } catch {
    return undefined;
  }
}
