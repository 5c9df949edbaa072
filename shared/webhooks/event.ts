/**
 * An event: something that a webhook tells. Its document says what is told to whom, and every attempt; every change
 * is one of the functions below, which answer the next document, or nothing where the event's state does not allow the
 * change. They know no store and no clock.
 *
 *   waiting -> delivering -> delivered | failed | waiting
 *
 * An event that has come to its end goes back to `waiting` only when somebody asks for it.
 */
import * as z from 'zod';
import { WEBHOOK_EVENTS } from '../api/webhookEvents.ts';
import { DELIVERY_STATUSES } from '../api/webhooks.ts';
import { MOST_TRIES, retryDelay } from './retries.ts';

/** Attempts that a document keeps. */
export const KEPT_ATTEMPTS = 50;

const milliseconds = z.number().int().min(0);

const attemptSchema = z.object({
  /** Unix milliseconds, as all times here. */
  at: milliseconds,
  /** Somebody asked for it. */
  manual: z.boolean(),
  duration: milliseconds.optional(),
  /** What was answered. */
  status: z.number().int().optional(),
  /** Why it was no success; absent of one that is under way. */
  error: z.string().optional(),
});
export type Attempt = z.infer<typeof attemptSchema>;

export const eventDocumentSchema = z.object({
  format: z.literal(1),
  /** The same whoever announces it: see `eventId`. */
  id: z.string(),
  tenant: z.string(),
  /** Id of what it is about: a job or a batch. */
  subject: z.string(),
  type: z.enum(WEBHOOK_EVENTS),
  url: z.string(),
  /** The very bytes that are sent and signed, each time. */
  body: z.string(),
  status: z.enum(DELIVERY_STATUSES),
  /** From 1; each change has the next one. */
  revision: z.number().int().min(1),
  created: milliseconds,
  updated: milliseconds,
  /** When the next attempt is due, or the present one was. */
  due: milliseconds,
  /** Attempts of the schedule so far; it begins anew when somebody asks. */
  tries: z.number().int().min(0),
  /** The next attempt, or the present one, is one that somebody asked for. */
  manual: z.boolean(),
  /** Who is at it, and until when it is believed to live. */
  holder: z.object({ worker: z.string(), until: milliseconds }).optional(),
  attempts: z.array(attemptSchema),
  /** Why it is not tried any more. */
  detail: z.string().optional(),
});
export type EventDocument = z.infer<typeof eventDocumentSchema>;

/** An event's name in the store and in queues. */
export interface EventName {
  readonly tenant: string;
  readonly subject: string;
  readonly id: string;
}

/** What an attempt came to. */
export type Answer =
  | { readonly is: 'accepted'; readonly status: number }
  | {
      readonly is: 'refused';
      readonly error: string;
      readonly status?: number;
      readonly retryAfterSeconds?: number;
    }
  /** It will never be accepted: the receiver, or the address itself, says so. */
  | { readonly is: 'hopeless'; readonly error: string; readonly status?: number };

export const INTERRUPTED = 'the worker that made this attempt did not see its end';

/** Whether nothing more happens to it by itself. */
export const isSettled = ({ status }: Pick<EventDocument, 'status'>): boolean =>
  status === 'delivered' || status === 'failed';

const changed = (
  event: EventDocument,
  change: Partial<EventDocument>,
  now: number,
): EventDocument => ({ ...event, ...change, revision: event.revision + 1, updated: now });

const withoutHolder = ({ holder: _, ...rest }: EventDocument): EventDocument => rest;

/** The attempts with more said of the last one. */
const lastIs = (attempts: readonly Attempt[], more: Partial<Attempt>): Attempt[] =>
  attempts.map((attempt, i) => (i === attempts.length - 1 ? { ...attempt, ...more } : attempt));

/** What an event is from its beginning on. */
export type EventDescription = Pick<
  EventDocument,
  'id' | 'tenant' | 'subject' | 'type' | 'url' | 'body'
>;

export const createEvent = (description: EventDescription, now: number): EventDocument => ({
  format: 1,
  ...description,
  status: 'waiting',
  revision: 1,
  created: now,
  updated: now,
  due: now,
  tries: 0,
  manual: false,
  attempts: [],
});

/** Whether a worker has it that may still live. */
const isHeld = ({ status, holder }: EventDocument, worker: string, now: number): boolean =>
  status === 'delivering' && holder !== undefined && holder.worker !== worker && holder.until > now;

/** Its worker has ended under it: the attempt counts, since the receiver may have seen it. */
function interrupted(event: EventDocument, now: number): EventDocument {
  if (event.status !== 'delivering') return event;
  const attempts = lastIs(event.attempts, { error: INTERRUPTED });
  return { ...withoutHolder(event), status: 'waiting', due: now, manual: false, attempts };
}

/**
 * A worker begins an attempt; also where another has begun one and is not believed to live.
 * @returns undefined where nothing is to be done now; a document that has failed where no attempt is left
 */
export function claim(
  event: EventDocument,
  holder: NonNullable<EventDocument['holder']>,
  now: number,
): EventDocument | undefined {
  if (isSettled(event) || isHeld(event, holder.worker, now)) return undefined;
  const free = interrupted(event, now);
  if (free.due > now) return undefined;
  if (free.tries >= MOST_TRIES) return changed(free, exhausted(free), now);
  const begun = { at: now, manual: free.manual };
  const attempts = [...free.attempts, begun].slice(-KEPT_ATTEMPTS);
  return changed(free, { status: 'delivering', tries: free.tries + 1, holder, attempts }, now);
}

const exhausted = ({ tries }: EventDocument): Partial<EventDocument> => ({
  status: 'failed',
  detail: `${tries} attempts have failed; ask for another one when the receiver is well again`,
});

/**
 * The attempt has come to an answer.
 * @param random from 0 to 1
 */
export function settle(
  event: EventDocument,
  answer: Answer,
  now: number,
  random: number,
): EventDocument | undefined {
  if (event.status !== 'delivering') return undefined;
  const begun = event.attempts.at(-1)?.at ?? now;
  const attempts = lastIs(event.attempts, {
    duration: Math.max(0, now - begun),
    ...(answer.status !== undefined && { status: answer.status }),
    ...(answer.is !== 'accepted' && { error: answer.error }),
  });
  const free = { ...withoutHolder(event), attempts, manual: false };
  if (answer.is === 'accepted') return changed(free, { status: 'delivered' }, now);
  if (answer.is === 'hopeless')
    return changed(free, { status: 'failed', detail: answer.error }, now);
  const delay = retryDelay(event.tries, answer.retryAfterSeconds, random);
  if (delay === undefined) return changed(free, exhausted(free), now);
  return changed(free, { status: 'waiting', due: now + delay }, now);
}

/** Its worker has to give the attempt up: it does not count, and is due at once. */
export function release(event: EventDocument, now: number): EventDocument | undefined {
  if (event.status !== 'delivering') return undefined;
  const attempts = lastIs(event.attempts, { error: INTERRUPTED });
  const free = { ...withoutHolder(event), attempts };
  return changed(free, { status: 'waiting', due: now, tries: event.tries - 1 }, now);
}

/** It is not tried, since its address takes no more. */
export const dismiss = (
  event: EventDocument,
  detail: string,
  now: number,
): EventDocument | undefined =>
  event.status === 'waiting' ? changed(event, { status: 'failed', detail }, now) : undefined;

/** Somebody asks for an attempt now, and for the whole schedule if that fails. */
export function redeliver(event: EventDocument, now: number): EventDocument | undefined {
  if (event.status === 'delivering') return undefined;
  const { detail: _, ...rest } = event;
  return changed(rest, { status: 'waiting', due: now, tries: 0, manual: true }, now);
}
