/**
 * Delivers webhooks: takes events from a queue of their own, makes their attempts, and finds again what the queue has
 * lost. Each event has one attempt at a time, whoever else has been given it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Received } from '../../shared/queue/queue.ts';
import { type EventDocument, isSettled } from '../../shared/webhooks/event.ts';
import { type DueMessage, messageOf, parseMessage } from '../../shared/webhooks/message.ts';
import { isDoubtful } from '../consumer/doubtful.ts';
import { createLane } from '../consumer/lane.ts';
import { describeError } from '../log.ts';
import { createAttempts } from './attempt.ts';
import type { DeliveryServices } from './services.ts';
import { sweepEvents } from './sweep.ts';

export interface Deliverer {
  /** Begins to take events, and to look for those that are in no queue. */
  start(): void;
  /** Events that wait in the store. Where the queue does not take one, the sweep finds it. */
  take(events: readonly EventDocument[]): Promise<void>;
  /** Events of a job or batch wait in the store. @throws what the store throws */
  takeOf(tenant: string, subject: string): Promise<void>;
  /** Takes no more; resolves when the attempts under way have ended or were given back. */
  stop(): Promise<void>;
}

export interface DelivererOptions {
  /** Events in hand at the same time, those that wait for their host's turn among them. */
  readonly slots: number;
  /** Aborts when attempts that are still under way have to be given back. */
  readonly stopped: AbortSignal;
}

/** Before a second message of an event that is in hand is looked at. */
const IN_HAND_SECONDS = 2;

export function createDeliverer(
  services: DeliveryServices,
  { slots, stopped }: DelivererOptions,
): Deliverer {
  const { events, queue, times, turn, log, now } = services;
  const attempt = createAttempts(services);
  /** Ids of events in hand. */
  const inHand = new Set<string>();
  const stopping = new AbortController();

  const trouble = (message: string, error: unknown): void => {
    if (!stopped.aborted) log({ event: 'error', message, error: describeError(error) });
  };
  const send = (message: DueMessage, seconds = 0): Promise<void> =>
    queue.send(messageOf(message), seconds);

  async function deliver(received: Received): Promise<void> {
    const message = parseMessage(received.body);
    if (!message) return await queue.bury(received, 'the message names no event of a webhook');
    if (inHand.has(message.id)) return await queue.defer(received, IN_HAND_SECONDS);
    inHand.add(message.id);
    try {
      const next = await attempt(message, stopping.signal, stopped);
      if (next && next.message.due === message.due)
        return await queue.defer(received, next.seconds);
      if (next) await send(next.message, next.seconds);
      await queue.remove(received.receipt);
    } finally {
      inHand.delete(message.id);
    }
  }

  const lane = createLane({
    queue,
    slots,
    backoffSeconds: times.troubleSeconds,
    trouble,
    handle: deliver,
  });

  async function look(grace: number): Promise<void> {
    // Of workers that share a queue, one looks at a time.
    const since = queue.isShared ? await turn.take() : 0;
    if (since === undefined) return;
    // A shared queue keeps every message that it is sent: one that waits long for its host's turn would be there each minute anew.
    const isLost = (overdue: number): boolean =>
      queue.isShared && grace > 0 ? isDoubtful(overdue, since, grace) : overdue >= grace;
    await sweepEvents(services, isLost, send, stopping.signal);
  }

  async function sweep(): Promise<void> {
    const { signal } = stopping;
    // What was under way when this worker ended last is due at once.
    for (let grace = 0; !signal.aborted; grace = times.graceMilliseconds) {
      await look(grace).catch((error) => trouble('webhooks cannot be looked for', error));
      const options = { signal, ref: false };
      await sleep(times.sweepMilliseconds, undefined, options).catch(() => undefined);
    }
  }

  async function take(found: readonly EventDocument[]): Promise<void> {
    for (const event of found) {
      if (isSettled(event)) continue;
      await send(event, Math.max(0, event.due - now()) / 1000).catch((error) =>
        trouble('the queue of webhooks does not answer', error),
      );
    }
  }

  let looking: Promise<void> = Promise.resolve();
  return {
    start() {
      lane.start();
      looking = sweep();
    },
    take,
    takeOf: async (tenant, subject) => await take(await events.of(tenant, subject)),
    async stop() {
      stopping.abort();
      await Promise.all([looking, lane.stop()]);
    },
  };
}
