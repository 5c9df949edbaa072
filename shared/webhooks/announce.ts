/**
 * Announces that something has happened: writes the event which a webhook then tells. It may be announced any
 * number of times, by anybody: there is one event, with one id.
 */
import { MOST_PAYLOAD_BYTES, type WebhookEventType } from '../api/webhookEvents.ts';
import { isoTime } from '../isoTime.ts';
import { canonicalJson, sha256 } from '../results/content.ts';
import { createEvent, type EventDocument, isSettled } from './event.ts';
import type { EventStore } from './eventStore.ts';

export interface Announcement {
  readonly tenant: string;
  /** Id of what it is about: a job or a batch. */
  readonly subject: string;
  readonly type: WebhookEventType;
  readonly url: string;
  /** When it happened, in unix milliseconds. */
  readonly at: number;
  /** What is told of it. */
  readonly data: Readonly<Record<string, unknown>>;
  /** What is told instead where that makes a body too large; the id alone where this does, too. */
  readonly short?: Readonly<Record<string, unknown>>;
}

/** The id of an event, by what has happened to what: the same whoever announces it. */
export async function eventId(
  tenant: string,
  subject: string,
  type: WebhookEventType,
): Promise<string> {
  return `msg_${(await sha256(canonicalJson([tenant, subject, type]))).slice(0, 32)}`;
}

/** What a receiver did to his own request, such as long metadata, must not keep its end from being told. */
function bodyOf({ type, at, subject, data, short }: Announcement): string {
  const write = (told: object): string =>
    JSON.stringify({ type, timestamp: isoTime(at), data: told });
  const bodies = [data, ...(short ? [short] : [])].map(write);
  const fits = (body: string): boolean =>
    new TextEncoder().encode(body).length < MOST_PAYLOAD_BYTES;
  return bodies.find(fits) ?? write({ id: subject });
}

/**
 * The event, which waits to be delivered from now on, unless it was announced before.
 * @param now unix milliseconds
 * @throws what the store throws; then it has to be announced again
 */
export async function announce(
  events: EventStore,
  announcement: Announcement,
  now: number,
): Promise<EventDocument> {
  const { tenant, subject, type, url } = announcement;
  const id = await eventId(tenant, subject, type);
  const description = { id, tenant, subject, type, url, body: bodyOf(announcement) };
  const event = createEvent(description, now);
  if (await events.write(event)) return event;
  const found = await events.read(event);
  if (!found) throw new Error(`the event ${id} is there and cannot be read`);
  // This time was noted before it was known that the event has another.
  const name = { tenant, subject, id };
  if (found.due !== event.due || isSettled(found)) await events.forget({ name, due: event.due });
  return found;
}
