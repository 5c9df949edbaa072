/** One attempt: the event's body, signed, to its address, and what the answer means. */

import { mayPass, type Refused } from '../../shared/guard/refused.ts';
import type { Answer, EventDocument } from '../../shared/webhooks/event.ts';
import { readRetryAfter } from '../../shared/webhooks/retries.ts';
import { signWebhook } from '../../shared/webhooks/signature.ts';
import type { GuardedAnswer, GuardedFetch } from '../guard/guardedFetch.ts';

export interface Attempted {
  readonly answer: Answer;
  /** The receiver wants no more of anything (410). */
  readonly isGone: boolean;
  /** The receiver asks for less: nothing is to be sent to it for so many seconds. */
  readonly pauseSeconds?: number;
}

/** Milliseconds at most: the specification advises 15 to 30 seconds. */
const TIMES = { connect: 5_000, headers: 20_000, body: 5_000, whole: 20_000 };
/** Of an answer nothing is read but its status and headers. */
const MOST_BYTES = 1024;
/** When it asks for less without saying how long. */
const PAUSE_SECONDS = 10;
const SLOWER: readonly number[] = [429, 502, 504];

export const GONE =
  'the receiver answered 410, so that its address is told nothing any more; when it is to be told again, ask for a redelivery';

/** What an answer to a webhook means (Standard Webhooks, "Delivery success and failure"). */
export function meaningOf(answer: GuardedAnswer | Refused, now: number): Attempted {
  if (!answer.ok) {
    const { detail: error } = answer;
    return { answer: { is: mayPass(answer) ? 'refused' : 'hopeless', error }, isGone: false };
  }
  const { status, headers } = answer;
  if (status >= 200 && status < 300) return { answer: { is: 'accepted', status }, isGone: false };
  if (status === 410) return { answer: { is: 'hopeless', status, error: GONE }, isGone: true };
  const isRedirect = status >= 300 && status < 400;
  const error = isRedirect
    ? `the receiver answered ${status}; redirects are not followed`
    : `the receiver answered ${status}`;
  const retryAfterSeconds = readRetryAfter(headers['retry-after'], now);
  const asks = SLOWER.includes(status) || (status === 503 && retryAfterSeconds !== undefined);
  return {
    answer: {
      is: 'refused',
      status,
      error,
      ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
    },
    isGone: false,
    ...(asks && { pauseSeconds: retryAfterSeconds ?? PAUSE_SECONDS }),
  };
}

/** Makes an attempt. @throws the signal's reason; Error where a secret is none */
export type Send = (
  event: EventDocument,
  secrets: readonly string[],
  signal: AbortSignal,
) => Promise<Attempted>;

/** @param now unix milliseconds */
export const createSend =
  (fetch: GuardedFetch, now: () => number): Send =>
  async ({ id, url, body }, secrets, signal) => {
    const headers = await signWebhook(id, now() / 1000, body, secrets);
    const answer = await fetch(url, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body,
      redirects: 0,
      mostBytes: MOST_BYTES,
      beyond: 'cut',
      times: TIMES,
      signal,
    });
    return meaningOf(answer, now());
  };
