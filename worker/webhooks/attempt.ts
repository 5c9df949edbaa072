/**
 * What is done with an event that the queue has given. Each change of its document is written before what follows from
 * it, so that whoever finds the event after a crash knows how far it came.
 */
import { isoTime } from '../../shared/isoTime.ts';
import {
  claim,
  dismiss,
  type EventDocument,
  isSettled,
  release,
  settle,
} from '../../shared/webhooks/event.ts';
import type { DueMessage } from '../../shared/webhooks/message.ts';
import { UNWATCHED } from '../metrics.ts';
import type { Attempted } from './send.ts';
import type { DeliveryServices } from './services.ts';

/** Undefined: nothing more is to be done with this message; otherwise when, in seconds, and by which one. */
export type Next = { readonly message: DueMessage; readonly seconds: number } | undefined;

/** Between two looks at an event that another changes at this moment. */
const AGAIN_SECONDS = 1;

const disabledSince = (since: number): string =>
  `the address is told nothing since it answered 410 at ${isoTime(since)}; ` +
  'when it is to be told again, ask for a redelivery';

/** Host and tenant: what one tenant's receiver does is nothing to another's at the same host. */
const lineOf = ({ tenant, url }: EventDocument): string => `${tenant} ${new URL(url).host}`;

/** Of few values, whatever a caller has named. */
const schemeOf = ({ url }: EventDocument): string =>
  new URL(url).protocol === 'https:' ? 'https' : 'http';

function outcomeOf({ answer }: Attempted): string {
  if (answer.is === 'accepted') return 'delivered';
  if (answer.status !== undefined) return `${Math.floor(answer.status / 100)}xx`;
  return answer.is === 'hopeless' ? 'forbidden' : 'unreachable';
}

export function createAttempts(services: DeliveryServices) {
  const { events, secrets, addresses, hosts, send, worker, times, log, now, random } = services;
  const { metrics = UNWATCHED } = services;

  const nextOf = (event: EventDocument): Next => {
    const { tenant, subject, id, due } = event;
    if (isSettled(event)) return undefined;
    return { message: { tenant, subject, id, due }, seconds: Math.max(0, due - now()) / 1000 };
  };

  function tell(event: EventDocument, milliseconds: number): void {
    const { id, type, subject, status, tries, url } = event;
    const last = event.attempts.at(-1);
    log({
      event: 'webhook',
      ...{ id, type, subject, status, tries, milliseconds: Math.round(milliseconds) },
      // The path and the query of an address may hold a secret of its receiver.
      host: new URL(url).host,
      ...(last?.status !== undefined && { answered: last.status }),
      ...(last?.error !== undefined && { error: last.error }),
    });
  }

  /** What follows from an answer, before the event says that it has come. */
  async function follow(event: EventDocument, { isGone, answer, pauseSeconds }: Attempted) {
    const { tenant, url, id } = event;
    if (pauseSeconds !== undefined) hosts.pause(lineOf(event), pauseSeconds);
    if (isGone) await addresses.disable(tenant, url, { since: now(), event: id });
    if (answer.is === 'accepted' && event.attempts.at(-1)?.manual)
      await addresses.enable(tenant, url);
  }

  async function make(event: EventDocument, signal: AbortSignal): Promise<Next> {
    // A secret that cannot be read is not the receiver's fault, so that it is no attempt.
    const signing = (await secrets.signing(event.tenant)).map(({ secret }) => secret);
    const claimed = claim(event, { worker, until: now() + times.leaseMilliseconds }, now());
    if (!claimed || !(await events.write(claimed, event)))
      return { message: event, seconds: AGAIN_SECONDS };
    if (isSettled(claimed)) return undefined;
    const began = performance.now();
    let attempted: Attempted;
    try {
      attempted = await send(claimed, signing, signal);
    } catch (error) {
      const released = signal.aborted ? release(claimed, now()) : undefined;
      if (released) await events.write(released, claimed);
      throw error;
    }
    const scheme = schemeOf(event);
    metrics.count('webhookAttempts', { scheme, outcome: outcomeOf(attempted) });
    metrics.observe('webhookSeconds', { scheme }, (performance.now() - began) / 1000);
    await follow(claimed, attempted);
    const settled = settle(claimed, attempted.answer, now(), random());
    // Another took it over, believing that this worker had ended: what he does holds.
    if (!settled || !(await events.write(settled, claimed))) return undefined;
    tell(settled, performance.now() - began);
    return nextOf(settled);
  }

  /**
   * @param stopping aborts when no attempt is begun any more
   * @param stopped aborts when those that are under way are given up
   * @throws what the store throws; the reason of `stopped`
   */
  return async (
    message: DueMessage,
    stopping: AbortSignal,
    stopped: AbortSignal,
  ): Promise<Next> => {
    const event = await events.read(message);
    if (!event || isSettled(event)) return undefined;
    const { holder } = event;
    if (event.status === 'delivering' && holder && holder.worker !== worker && holder.until > now())
      return { message, seconds: (holder.until - now()) / 1000 };
    // Whoever changed the time has sent another message.
    if (event.status === 'waiting' && event.due !== message.due) return undefined;
    if (event.due > now()) return nextOf(event);
    if (!event.manual) {
      const disabled = await addresses.find(event.tenant, event.url);
      const dismissed = disabled && dismiss(event, disabledSince(disabled.since), now());
      if (dismissed) {
        if (!(await events.write(dismissed, event))) return { message, seconds: AGAIN_SECONDS };
        tell(dismissed, 0);
        return undefined;
      }
    }
    const turn = await hosts.enter(lineOf(event));
    if (turn.is === 'later') return { message, seconds: turn.seconds };
    const began = performance.now();
    try {
      return stopping.aborted ? { message, seconds: 0 } : await make(event, stopped);
    } finally {
      turn.leave(performance.now() - began);
    }
  };
}
