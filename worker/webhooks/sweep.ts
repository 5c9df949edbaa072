/** Finds events that are due, whatever became of the queue and of the workers that had them. */
import { isSettled } from '../../shared/webhooks/event.ts';
import type { DueMessage } from '../../shared/webhooks/message.ts';
import type { DeliveryServices } from './services.ts';

/** What was noted of an event that then was never written is removed after this time. */
const ORPHAN_MILLISECONDS = 600_000;
/** Events that one look puts into the queue: the others are found by the next one. */
const MOST_FOUND = 5000;

/**
 * @param until unix milliseconds: what was due then is looked for
 * @param found called for each event that waits, the longest overdue first
 * @throws what the store throws
 */
export async function sweepEvents(
  { events, now }: Pick<DeliveryServices, 'events' | 'now'>,
  until: number,
  found: (message: DueMessage) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  let count = 0;
  for await (const noted of events.due(until)) {
    if (signal.aborted || count >= MOST_FOUND) return;
    const { name, due } = noted;
    const event = await events.read(name);
    if (!event) {
      if (now() - due > ORPHAN_MILLISECONDS) await events.forget(noted);
      continue;
    }
    // It has another time, which is noted too, or none any more.
    if (isSettled(event) || event.due !== due) {
      await events.forget(noted);
      continue;
    }
    await found({ ...name, due });
    count++;
  }
}
