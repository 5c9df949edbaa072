/** When a webhook is tried again: the schedule of Standard Webhooks, and what receivers ask for. */

const MINUTE = 60;
const HOUR = 60 * MINUTE;

/**
 * Seconds from one attempt's failure to the next attempt, from the first attempt on: the example schedule of the
 * specification ("Deliverability and reliability"). The last one ends three days after the first.
 */
export const RETRY_SECONDS: readonly number[] = [
  5,
  5 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  5 * HOUR,
  10 * HOUR,
  14 * HOUR,
  20 * HOUR,
  24 * HOUR,
];
export const MOST_TRIES = RETRY_SECONDS.length + 1;

/** The longest wait that a receiver can ask for. */
const MOST_RETRY_AFTER_SECONDS = 24 * HOUR;

/** So much is added at random, of the wait, so that what failed together is not tried together. */
const JITTER = 0.2;

/**
 * @param tries attempts so far
 * @param retryAfterSeconds what the receiver asked for
 * @param random from 0 to 1
 * @returns milliseconds until the next attempt; undefined when there is none left
 */
export function retryDelay(
  tries: number,
  retryAfterSeconds: number | undefined,
  random: number,
): number | undefined {
  const scheduled = RETRY_SECONDS[tries - 1];
  if (scheduled === undefined) return undefined;
  const seconds = Math.max(scheduled, retryAfterSeconds ?? 0);
  return Math.round(seconds * 1000 * (1 + JITTER * random));
}

/**
 * `Retry-After` (RFC 9110, section 10.2.3): seconds, or a date.
 * @param now unix milliseconds
 * @returns seconds; undefined for anything else
 */
export function readRetryAfter(header: string | undefined, now: number): number | undefined {
  const text = header?.trim() ?? '';
  if (/^\d{1,10}$/.test(text)) return Math.min(Number(text), MOST_RETRY_AFTER_SECONDS);
  // A date names its day: no other text, such as a number below zero, is read as one.
  const date = /^[A-Z][a-z]/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(date)) return undefined;
  return Math.min(Math.max(0, (date - now) / 1000), MOST_RETRY_AFTER_SECONDS);
}
