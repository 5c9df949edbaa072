/** Failures as HTTP: RFC 9457 problem documents, and the shared request bookkeeping they need. */
import type { Context } from 'hono';
import type { z } from 'zod';
import { type Failure, FailureError, PROBLEMS, toProblem } from '../shared/api/problem.ts';
import type { Services } from './services.ts';

export interface EdgeEnv {
  Variables: { requestId: string; traceparent: string };
}
export type EdgeContext = Context<EdgeEnv>;

export const fail = (failure: Failure): never => {
  throw new FailureError(failure);
};

/** The answer for a failure: status by its code, Retry-After where a retry can help. */
export function problemResponse(
  c: EdgeContext,
  failure: Failure,
  headers: HeadersInit = {},
): Response {
  const problem = toProblem(failure, c.get('requestId'), c.req.path);
  const all = new Headers(headers);
  all.set('content-type', 'application/problem+json');
  all.set('cache-control', 'no-store');
  if (PROBLEMS[failure.code].status === 503) {
    all.set('retry-after', String(Math.ceil(failure.retryAfterSeconds ?? 5)));
  }
  return c.body(JSON.stringify(problem), {
    status: problem.status as 400,
    headers: Object.fromEntries(all),
  });
}

/** What a thrown error means for the caller; anything unforeseen is logged and told as `internal`. */
export function failureOf(error: unknown, services: Services, requestId: string): Failure {
  if (error instanceof FailureError) return error.failure;
  services.log(`request ${requestId} failed: ${error instanceof Error ? error.stack : error}`);
  return { code: 'internal', detail: 'something failed here that should not; it has been logged' };
}

/** RFC 6901 pointer of a path inside a document. */
export const pointerOf = (path: readonly PropertyKey[]): string =>
  path.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');

const depth = (issues: readonly z.core.$ZodIssue[]): number =>
  Math.max(0, ...issues.map((issue) => issue.path.length));

/** Field errors of a schema's refusal. Of a union, the branch that understood most is told. */
export function fieldErrors(
  issues: readonly z.core.$ZodIssue[],
  at: readonly PropertyKey[] = [],
): { detail: string; pointer: string }[] {
  return issues.slice(0, 20).flatMap((issue) => {
    const path = [...at, ...issue.path];
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({
        detail: 'there is no such field',
        pointer: pointerOf([...path, key]),
      }));
    }
    if (issue.code === 'invalid_union') {
      const best = [...issue.errors].sort((a, b) => depth(b) - depth(a))[0];
      const known = issue.errors.flat().find((inner) => inner.code === 'unrecognized_keys');
      if (best && depth(best) > 0) return fieldErrors(best, path);
      if (known) return fieldErrors([known], path);
    }
    return [{ detail: issue.message, pointer: pointerOf(path) }];
  });
}

/** The value that a schema makes of a body. @throws FailureError `invalid_request` with every field error */
export function parseBody<T>(schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const errors = fieldErrors(parsed.error.issues);
  const first = errors[0];
  return fail({ code: 'invalid_request', detail: `${first?.pointer}: ${first?.detail}`, errors });
}
