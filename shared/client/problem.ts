/** Problems as the client throws them. */
import type { Problem } from '../api/problem.ts';

export interface ProblemOptions extends ErrorOptions {
  readonly retryAfter?: number | undefined;
}

/** A request that the server answered with a problem (RFC 9457). */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';
  readonly problem: Problem;
  /** Seconds after which the server wants to be asked again, where it says so. */
  readonly retryAfter: number | undefined;
  constructor(problem: Problem, options: ProblemOptions = {}) {
    super(problem.detail ? `${problem.title}: ${problem.detail}` : problem.title, options);
    this.problem = problem;
    this.retryAfter = options.retryAfter;
  }
}

/** A value where it is of the kind of another, and otherwise that one. */
const orElse = <T extends string | number | boolean>(value: unknown, other: T): T =>
  typeof value === typeof other ? (value as T) : other;

/**
 * A problem from what a server or a proxy before it answered. Fields that are missing or of
 * another kind, or an answer that is no problem at all, are filled so that callers have one shape to handle.
 */
export function problemFrom(answer: unknown, status: number, fallbackDetail: string): Problem {
  const given: Partial<Problem> = Object(answer);
  const busy = status === 502 || status === 503 || status === 504;
  const code = orElse(given.code, busy ? 'worker_unavailable' : 'internal');
  return {
    ...given,
    type: orElse(given.type, 'about:blank'),
    title: orElse(given.title, `The server answered ${code}`),
    status: orElse(given.status, status),
    detail: orElse(given.detail, fallbackDetail),
    code,
    retryable: orElse(given.retryable, status >= 500),
    request_id: orElse(given.request_id, ''),
  };
}
