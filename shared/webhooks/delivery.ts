/** An event's document -> the delivery as its caller sees it. */
import type { Delivery } from '../api/webhooks.ts';
import type { EventDocument } from './event.ts';

const timeOf = (milliseconds: number): string => new Date(milliseconds).toISOString();

export function deliveryOf(event: EventDocument): Delivery {
  const { id, type, url, status, created, due, attempts, detail } = event;
  return {
    id,
    type,
    url,
    status,
    created_at: timeOf(created),
    ...(status === 'waiting' && { next_attempt_at: timeOf(due) }),
    attempts: attempts.map(({ at, manual, duration, status: answered, error }) => ({
      at: timeOf(at),
      manual,
      ...(answered !== undefined && { status: answered }),
      ...(error !== undefined && { error }),
      ...(duration !== undefined && { duration_ms: duration }),
    })),
    ...(detail !== undefined && { detail }),
  };
}
