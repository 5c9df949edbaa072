/** Whether and when a call is tried again. */
import { AbortError, ConnectionError } from './failures.ts';
import { ProblemError } from './problem.ts';

const FIRST_MILLISECONDS = 500;
const LONGEST_MILLISECONDS = 8000;
/** A server that asks for more patience is not asked again: its problem is thrown. */
const MOST_PATIENCE_SECONDS = 60;

/** Statuses at which asking again may help; 424 is of an address that could not be fetched. */
const isPassing = (status: number): boolean =>
  status === 408 || status === 424 || status === 429 || status >= 500;

/** Of an earlier try, whose answer was lost: it is waited for as long as a try may take. */
const UNDER_WAY = 'idempotency_conflict';

export const isUnderWay = (error: unknown): boolean =>
  error instanceof ProblemError && error.problem.code === UNDER_WAY;

/**
 * Whether a call may be tried again after an error.
 * @param once what must not happen twice: it is tried again only where the API itself has refused it
 */
export function mayTryAgain(error: unknown, once: boolean): boolean {
  if (error instanceof ConnectionError) return !once;
  if (!(error instanceof ProblemError)) return false;
  const { retryable, status, code, request_id } = error.problem;
  if (code === UNDER_WAY) return true;
  // Who gives a deadline does not want to wait for longer.
  if (!retryable || !isPassing(status) || code === 'deadline_exceeded') return false;
  return !once || (request_id !== '' && (status === 429 || status === 503));
}

/** Seconds of a `Retry-After`: a number, or a date (RFC 9110, section 10.2.3); undefined for everything else. */
export function retryAfterOf(header: string | null, now = Date.now()): number | undefined {
  if (header === null) return undefined;
  if (/^\d+$/.test(header.trim())) return Number(header);
  // Engines read a date into almost any text with a number.
  const date = /\d:\d\d:\d\d/.test(header) ? Date.parse(header) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, (date - now) / 1000);
}

/**
 * Milliseconds before the next try; undefined where the server asks for more patience than callers have.
 * What the server asks for is never cut short. The rest is drawn at random, so that callers who failed
 * together do not come back together (AWS Architecture Blog, "Exponential Backoff And Jitter", full jitter).
 * @param failed tries that have failed, from 1
 * @param random 0 to 1
 */
export function waitBefore(
  failed: number,
  error: unknown,
  random = Math.random(),
): number | undefined {
  const longest = Math.min(LONGEST_MILLISECONDS, FIRST_MILLISECONDS * 2 ** (failed - 1));
  const asked = error instanceof ProblemError ? error.retryAfter : undefined;
  if (asked === undefined) return random * longest;
  return asked > MOST_PATIENCE_SECONDS ? undefined : asked * 1000 + random * FIRST_MILLISECONDS;
}

/** @throws AbortError as soon as the signal says so */
export function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(new AbortError(signal?.reason));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, milliseconds);
    if (signal?.aborted) stop();
    signal?.addEventListener('abort', stop, { once: true });
  });
}
