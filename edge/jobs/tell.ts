/**
 * Has workers deliver events that this edge has announced: by messages in their queue, or told of over their
 * internal API. Nothing depends on its arriving: the workers' sweep finds what is due.
 */
import type { EventDocument } from '../../shared/webhooks/event.ts';
import { isSettled } from '../../shared/webhooks/event.ts';
import { messageOf } from '../../shared/webhooks/message.ts';
import type { Config } from '../config.ts';
import { createSqsSender } from './sqs.ts';
import type { JobWorkers } from './workers.ts';

export type Tell = (events: readonly EventDocument[]) => Promise<void>;

export function createTell(
  config: Config,
  workers: Pick<JobWorkers, 'deliver'>,
  log: (line: string) => void,
): Tell {
  const isQueued = config.FOURM_QUEUE === 'sqs' && config.SQS_QUEUE_URL_WEBHOOKS !== undefined;
  const send = isQueued ? createSqsSender(config) : undefined;

  async function sendAll(events: readonly EventDocument[]): Promise<void> {
    for (const event of events) {
      await send?.('webhooks', messageOf(event)).catch((error: unknown) =>
        log(
          `the event ${event.id} is not in the queue: ${error instanceof Error ? error.message : error}`,
        ),
      );
    }
  }

  return async (events) => {
    const waiting = events.filter((event) => !isSettled(event));
    const [first] = waiting;
    if (!first) return;
    if (send) return await sendAll(waiting);
    await workers.deliver({ tenant: first.tenant, id: first.subject });
  };
}
