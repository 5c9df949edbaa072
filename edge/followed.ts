/** Events of work that goes on by itself: whoever leaves ends the telling, and not the work. */
import { toProblem } from '../shared/api/problem.ts';
import { writeJson } from '../shared/json.ts';
import { type EdgeContext, failureOf } from './problems.ts';
import type { Services } from './services.ts';
import { streamed } from './streamed.ts';

export interface Telling {
  /** Sends an event, whose data is `value` as JSON. */
  send(event: string, id: string, value: unknown): Promise<void>;
  /** Sends a line that says nothing: it keeps the connection, and tells of one that has gone. */
  sendNothing(): Promise<void>;
  /** Aborted when the caller has left. */
  readonly signal: AbortSignal;
}

/**
 * Answers what `tell` sends, as server-sent events.
 * @param lastId the id of the event `problem`, which ends the answer where `tell` throws while the caller is there
 */
export function followed(
  c: EdgeContext,
  services: Services,
  lastId: () => string,
  tell: (telling: Telling) => Promise<void>,
): Response {
  c.header('content-type', 'text/event-stream');
  c.header('cache-control', 'no-store');
  return streamed(c, async (out) => {
    const left = new AbortController();
    out.onAbort(() => left.abort());
    const signal = AbortSignal.any([c.req.raw.signal, left.signal]);
    const send = async (event: string, id: string, value: unknown): Promise<void> => {
      await out.write(`id: ${id}\nevent: ${event}\ndata: `);
      await out.write(await writeJson(value));
      await out.write('\n\n');
    };
    const sendNothing = async (): Promise<void> => {
      await out.write(':\n\n');
    };
    try {
      await tell({ send, sendNothing, signal });
    } catch (error) {
      if (signal.aborted) return;
      const failure = failureOf(error, services, c.get('requestId'));
      await send('problem', lastId(), toProblem(failure, c.get('requestId'), c.req.path));
    }
  });
}
