/** Answers of the internal API: JSON, and failures with the status their code has. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Failure, PROBLEMS } from '../../shared/api/problem.ts';
import type { Exposition } from '../../shared/metrics/prometheus.ts';

/** How long a caller whose body is not read may go on sending before the connection breaks. */
const LINGER_MILLISECONDS = 2_000;

/** Writes an answer without ending it: its length says where it ends. */
function writeWhole(response: ServerResponse, status: number, body: unknown): void {
  const text = Buffer.from(JSON.stringify(body));
  const headers = { 'content-type': 'application/json', 'content-length': text.byteLength };
  response.writeHead(status, headers).write(text);
}

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  writeWhole(response, status, body);
  response.end();
}

/** Everything that the worker counts, for whoever watches it. */
export async function sendMetrics(
  response: ServerResponse,
  { text, contentType }: Exposition,
): Promise<void> {
  response.writeHead(200, { 'content-type': contentType }).end(await text());
}

/**
 * Answers a failure with the status its code has. Where some of the request's body was not read, the
 * connection ends with it, but not at once: what still comes is thrown away for a moment, since a caller
 * whose connection breaks while he sends would not see the answer.
 */
export function sendFailure(
  request: IncomingMessage,
  response: ServerResponse,
  problem: Failure,
): void {
  const { status } = PROBLEMS[problem.code];
  if (problem.retryAfterSeconds !== undefined) {
    response.setHeader('retry-after', String(problem.retryAfterSeconds));
  }
  if (request.complete) {
    sendJson(response, status, problem);
    return;
  }
  response.setHeader('connection', 'close');
  writeWhole(response, status, problem);
  const timer = setTimeout(() => request.destroy(), LINGER_MILLISECONDS);
  const end = (): void => {
    clearTimeout(timer);
    response.end();
  };
  request.once('end', end).once('close', end).resume();
}
