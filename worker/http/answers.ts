/** Answers of the internal API: JSON, and failures with the status their code has. */
import type { ServerResponse } from 'node:http';
import { type Failure, FailureError, PROBLEMS } from '../../shared/api/problem.ts';

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

/** Answers a failure with the status its code has. */
export function sendFailure(response: ServerResponse, problem: Failure): void {
  if (problem.retryAfterSeconds !== undefined) {
    response.setHeader('retry-after', String(problem.retryAfterSeconds));
  }
  sendJson(response, PROBLEMS[problem.code].status, problem);
}

/** What a caller is told of an error: its own failure, or no more than that the worker failed. */
export const asFailure = (error: unknown): Failure =>
  error instanceof FailureError
    ? error.failure
    : { code: 'internal', detail: 'the worker failed; its log says more' };

/** An error with the causes behind it, for the log. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const text = error.stack ?? error.message;
  return error.cause === undefined ? text : `${text}\ncaused by ${describeError(error.cause)}`;
}
