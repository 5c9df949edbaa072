/** A value -> what a schema makes of it, or a refusal that names each field which does not fit. */
import type * as z from 'zod';
import { pointerTo } from './pointer.ts';
import { FailureError, type FieldError } from './problem.ts';

const depth = (issues: readonly z.core.$ZodIssue[]): number =>
  Math.max(0, ...issues.map((issue) => issue.path.length));

/** Field errors of a schema's refusal. Of a union, the branch that understood most is told. */
export function fieldErrors(
  issues: readonly z.core.$ZodIssue[],
  at: readonly PropertyKey[] = [],
): FieldError[] {
  return issues.slice(0, 20).flatMap((issue) => {
    const path = [...at, ...issue.path];
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({
        detail: 'there is no such field',
        pointer: pointerTo(...path, key),
      }));
    }
    if (issue.code === 'invalid_union') {
      const best = [...issue.errors].sort((a, b) => depth(b) - depth(a))[0];
      const known = issue.errors.flat().find((inner) => inner.code === 'unrecognized_keys');
      if (best && depth(best) > 0) return fieldErrors(best, path);
      if (known) return fieldErrors([known], path);
    }
    return [{ detail: issue.message, pointer: pointerTo(...path) }];
  });
}

/** The value that a schema makes of a body. @throws FailureError `invalid_request` with every field error */
export function parseBody<T>(schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const errors = fieldErrors(parsed.error.issues);
  const [first] = errors;
  const detail = first
    ? `${first.pointer}: ${first.detail}`
    : 'the request does not fit its schema';
  throw new FailureError({ code: 'invalid_request', detail, errors });
}
