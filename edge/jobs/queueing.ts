/**
 * Has workers take a job that is in the store: told of it over their internal API, or by a message in their queue.
 * A message that the queue did not take is sent again when its job is asked for, or when another one could be sent;
 * the workers' sweep finds the job in any case.
 */
import { isBegun, isFinal, type JobDocument, type JobName } from '../../shared/jobs/job.ts';
import { messageOf } from '../../shared/jobs/message.ts';
import type { Config } from '../config.ts';
import { errorText } from '../dispatch/http.ts';
import { createSqsSender } from './sqs.ts';
import type { JobWorkers } from './workers.ts';

/** A job, or a batch, which has the priority of jobs that nobody waits for. */
export type Waiting = JobName & Pick<JobDocument, 'priority'>;

export interface JobQueueing {
  /** @returns `nobody` where workers answer, and none has a store in which the job is */
  queue(job: Waiting): Promise<'told' | 'nobody'>;
  /** Sends what could not be sent of a job that still waits. */
  remind(job: JobDocument): Promise<void>;
}

/** Messages that are remembered to be sent again; beyond, the sweep alone finds the jobs. */
const MOST_UNSENT = 1000;
/** Of those, how many go with one that could be sent. */
const AT_ONCE = 5;

export function createJobQueueing(
  config: Config,
  workers: Pick<JobWorkers, 'take'>,
  log: (line: string) => void,
): JobQueueing {
  if (config.FOURM_QUEUE === 'process')
    return { queue: (job) => workers.take(job), remind: async () => {} };

  const send = createSqsSender(config);
  const unsent = new Map<string, Waiting>();
  const keyOf = ({ tenant, id }: JobName): string => `${tenant}/${id}`;

  async function trySending(job: Waiting): Promise<boolean> {
    const key = keyOf(job);
    // Taken out meanwhile, so that others do not send it as well.
    unsent.delete(key);
    try {
      await send(job.priority, messageOf(job));
      return true;
    } catch (error) {
      log(`the job ${job.id} is not in the queue yet: ${errorText(error)}`);
      if (unsent.size < MOST_UNSENT) unsent.set(key, job);
      return false;
    }
  }

  return {
    async queue(job) {
      if (await trySending(job))
        await Promise.all([...unsent.values()].slice(0, AT_ONCE).map(trySending));
      return 'told';
    },
    async remind(job) {
      if (!unsent.has(keyOf(job))) return;
      if (isFinal(job) || isBegun(job)) unsent.delete(keyOf(job));
      else await trySending(job);
    },
  };
}
