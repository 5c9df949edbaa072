/** Events of work that goes on by itself: a connection that breaks is taken up where it was. */
import type { Problem } from '../api/problem.ts';
import { readEvents } from '../sse.ts';
import type { Address, CallOptions, Open } from './call.ts';
import { reading } from './failures.ts';
import { ProblemError, problemFrom } from './problem.ts';
import { pause, waitBefore } from './retry.ts';

/** Between two tries at a connection. */
const AGAIN_MILLISECONDS = 1000;
/** Tries that bring nothing new, one after another. */
const TRIES = 10;

export interface Followed {
  readonly event: string;
  readonly id: string;
  readonly data: unknown;
}

/** The telling of the work failed, and not the work: only such a problem names an address. */
const isOfTelling = ({ instance, retryable }: Partial<Problem>): boolean =>
  instance !== undefined && retryable === true;

/** @throws what is the server's answer: only connections break */
function waitAfter(error: unknown, signal: AbortSignal | undefined): number {
  const isAnswer = error instanceof ProblemError && !error.problem.retryable;
  const wait = signal?.aborted || isAnswer ? undefined : waitBefore(1, error);
  if (wait === undefined) throw error;
  return Math.max(AGAIN_MILLISECONDS, wait);
}

/**
 * Whoever has the last of the events leaves.
 * @param after the id of one that was seen: those behind it come
 * @throws as `Client.generate`, and ProblemError where the events end again and again
 */
export async function* follow(
  open: Open,
  address: Address,
  options: CallOptions,
  after?: string,
): AsyncGenerator<Followed, void, undefined> {
  const { signal } = options;
  let last = after;
  for (let tries = 0; tries < TRIES; tries++) {
    let wait = AGAIN_MILLISECONDS;
    try {
      const headers = {
        accept: 'text/event-stream',
        ...(last !== undefined && { 'last-event-id': last }),
      };
      const response = await open(address, { ...options, headers });
      for await (const { event, id = '', data: text } of reading(response, readEvents, signal)) {
        const data: unknown = JSON.parse(text);
        if (event === 'problem' && isOfTelling(data as Partial<Problem>))
          throw new ProblemError(data as Problem);
        last = id;
        tries = 0;
        yield { event, id, data };
      }
    } catch (error) {
      wait = waitAfter(error, signal);
    }
    await pause(wait, signal);
  }
  throw new ProblemError(problemFrom(undefined, 502, 'The events ended before the work did'));
}
