/** Failures as HTTP: RFC 9457 problem documents, and the shared request bookkeeping they need. */
import type { Context } from 'hono';
import { type Failure, FailureError, PROBLEMS, toProblem } from '../shared/api/problem.ts';
import type { KnownKey } from '../shared/keys/keyCache.ts';
import type { Standing } from '../shared/limits/buckets.ts';
import type { Body } from './body/body.ts';
import type { WorkTurn } from './dispatch/dispatcher.ts';
import type { RequestNames } from './requestNames.ts';

export interface EdgeEnv {
  Variables: RequestNames & {
    /** Which of the table's routes it is; absent for what has no address. */
    route?: string;
    /** Resolves when an answer that goes on has ended. */
    streamed?: Promise<void>;
    body: Body;
    /** Whose request it is; absent on routes that are open to everybody. Read it with `tenantOf`. */
    tenant?: string;
    /** The key that the request came with, where it needs one. */
    key?: KnownKey;
    /** The limits that the request was refused by. */
    exceeded?: readonly Standing[];
    /** Headers that were said before the answer is made. */
    said?: Readonly<Record<string, string>>;
    /** Why the request was refused, or has failed. */
    failure?: Failure;
    /** Whose work it is and how urgent, where that was said: of a key's, and of a line of a batch. */
    turn?: WorkTurn;
    /** What it is charged once for, however often it is sent. */
    once?: { readonly group: string; readonly member: string };
    /** Id of the key that sent the batch whose line it is. */
    lineKey?: string;
    /** What a problem of this address carries besides, for clients that read another shape. */
    beside?: (failure: Failure) => object;
  };
}
export type EdgeContext = Context<EdgeEnv>;

/** The answer for a failure: status by its code, Retry-After where a retry can help. */
export function problemResponse(
  c: EdgeContext,
  failure: Failure,
  headers: HeadersInit = {},
): Response {
  c.set('failure', failure);
  const problem = toProblem(failure, c.get('requestId'), c.req.path);
  const all = new Headers(headers);
  all.set('content-type', 'application/problem+json');
  all.set('cache-control', 'no-store');
  const { status } = PROBLEMS[failure.code];
  if (status === 429 || status === 503) {
    all.set('retry-after', String(Math.ceil(failure.retryAfterSeconds ?? 5)));
  }
  // No body is taken compressed (RFC 9110, section 15.5.16).
  if (status === 415) all.set('accept-encoding', 'identity');
  return c.body(JSON.stringify({ ...problem, ...c.get('beside')?.(failure) }), {
    status: problem.status as 400,
    headers: Object.fromEntries(all),
  });
}

/** What a thrown error means for the caller; anything unforeseen is logged and told as `internal`. */
export function failureOf(
  error: unknown,
  services: { readonly logError: (message: string, error: unknown) => void },
  requestId: string,
): Failure {
  if (error instanceof FailureError) return error.failure;
  services.logError(`request ${requestId} failed`, error);
  return { code: 'internal', detail: 'something failed here that should not; it has been logged' };
}
