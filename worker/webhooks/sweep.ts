/** Finds events that are due, whatever became of the queue and of the workers that had them. */
import { isSettled } from '../../shared/webhooks/event.ts';
import type { DueMessage } from '../../shared/webhooks/message.ts';
import type { DeliveryServices } from './services.ts';

/**
 * What was noted of a time that an event does not have is removed after this: it is noted before the event is written,
 * so that a younger one may belong to an event, or a redelivery, that is being written at this moment.
 */
const STALE_MILLISECONDS = 600_000;
/** Events that one look puts into the queue: the others are found by the next one. */
const MOST_FOUND = 5000;

/**
 * @param isLost whether an event that is overdue by so many milliseconds is to be found by this look
 * @param found called for each such event that waits, the longest overdue first
 * @throws what the store throws
 */
export async function sweepEvents(
  { events, now }: Pick<DeliveryServices, 'events' | 'now'>,
  isLost: (overdue: number) => boolean,
  found: (message: DueMessage) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  let count = 0;
  for await (const noted of events.due(now())) {
    if (signal.aborted || count >= MOST_FOUND) return;
    const { name, due } = noted;
    if (!isLost(now() - due)) continue;
    const event = await events.read(name);
    // It has another time, which is noted too, or none any more.
    if (!event || isSettled(event) || event.due !== due) {
      if (now() - due > STALE_MILLISECONDS) await events.forget(noted);
      continue;
    }
    await found({ ...name, due });
    count++;
  }
}
