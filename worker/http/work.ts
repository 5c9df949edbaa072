/** A job over HTTP: its outcome is answered whole, or as events while it goes on. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { JobKind } from '../jobs/job.ts';
import { readJob } from '../service/readJob.ts';
import { runJob } from '../service/runJob.ts';
import type { JobServices } from '../service/services.ts';
import { sendFailure } from './answers.ts';
import { writeJson } from './writeJson.ts';

/** Aborts when the caller goes away before it has its answer. */
export function callerSignal(response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) controller.abort(new Error('the caller has gone'));
  });
  return controller.signal;
}

export interface AskedJob {
  readonly kind: JobKind;
  readonly body: Uint8Array<ArrayBuffer>;
  /** Aborts when the caller has gone. */
  readonly signal: AbortSignal;
  /** When the request arrived, by `performance.now()`. */
  readonly arrived: number;
  /** Whether the caller takes events. */
  readonly streams: boolean;
  /** Names the span that asks. */
  readonly traceparent: string | undefined;
}

/** Does one job. @throws FailureError when its body cannot be read; the reason when the caller has gone */
export async function answerJob(
  services: JobServices,
  request: IncomingMessage,
  response: ServerResponse,
  { kind, body, signal, arrived, streams, traceparent }: AskedJob,
): Promise<void> {
  const begin = (): void => {
    if (response.headersSent) return;
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  };
  const write = (event: string, data: unknown): void => {
    begin();
    response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  };
  const job = await readJob(kind, body, signal);
  const outcome = await runJob(services, job, {
    signal,
    arrived,
    traceparent,
    ...(streams && { onProgress: (progress) => write('progress', progress) }),
  });
  if (outcome.ok) {
    if (streams) begin();
    else response.writeHead(200, { 'content-type': 'application/json' });
    await writeJson(
      response,
      outcome.value,
      streams ? ['event: result\ndata: ', '\n\n'] : ['', ''],
    );
    response.end();
    return;
  }
  // A refusal before the first event has its own status; later only an event can tell.
  if (!response.headersSent) return sendFailure(request, response, outcome.failure);
  write('problem', outcome.failure);
  response.end();
}
