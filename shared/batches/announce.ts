/** Announces what a batch's webhook is to tell: that it has come to its end. */
import type { WebhookEventType } from '../api/webhookEvents.ts';
import { announce } from '../webhooks/announce.ts';
import type { EventDocument } from '../webhooks/event.ts';
import type { EventStore } from '../webhooks/eventStore.ts';
import type { BatchDocument } from './batch.ts';
import { batchPath, batchView } from './view.ts';

const ENDS = {
  completed: 'batch.completed',
  failed: 'batch.failed',
  expired: 'batch.expired',
  cancelled: 'batch.cancelled',
} as const satisfies Partial<Record<BatchDocument['status'], WebhookEventType>>;

/**
 * The event of a batch that has ended; none where nobody wants to be told. It is called before what an ended batch is
 * found again by is removed.
 * @throws what the store throws; then it has to be called again
 */
export async function announceBatch(
  events: EventStore,
  batch: BatchDocument,
  now: number,
): Promise<EventDocument[]> {
  const { webhook, tenant, id: subject, status, counts = { completed: 0, failed: 0 } } = batch;
  const type = status in ENDS ? ENDS[status as keyof typeof ENDS] : undefined;
  if (!webhook || !type || !webhook.events.includes(type)) return [];
  const { url } = webhook;
  const at = batch.since[status] ?? batch.updated;
  const data = { ...batchView({ batch, counts }), url: batchPath(subject) };
  // What its caller has written to it may be longer than a webhook can be.
  const short = { ...data, metadata: null };
  return [await announce(events, { tenant, subject, type, url, at, data, short }, now)];
}
