/** Answers of the internal API: JSON, and failures with the status their code has. */
import type { ServerResponse } from 'node:http';
import { type Failure, PROBLEMS } from '../../shared/api/problem.ts';

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
