/** An event's document -> the delivery as its caller sees it. */
import type { Delivery } from '../api/webhooks.ts';
import { isoTime } from '../isoTime.ts';
import type { EventDocument } from './event.ts';

export function deliveryOf(event: EventDocument): Delivery {
  const { id, type, url, status, created, due, attempts, detail } = event;
  return {
    id,
    type,
    url,
    status,
    created_at: isoTime(created),
    ...(status === 'waiting' && { next_attempt_at: isoTime(due) }),
    attempts: attempts.map(({ at, manual, duration, status: answered, error }) => ({
      at: isoTime(at),
      manual,
      ...(answered !== undefined && { status: answered }),
      ...(error !== undefined && { error }),
      ...(duration !== undefined && { duration_ms: duration }),
    })),
    ...(detail !== undefined && { detail }),
  };
}
