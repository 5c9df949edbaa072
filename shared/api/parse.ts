/** A value -> what a schema makes of it, or a refusal that names each field which does not fit. */
import type * as z from 'zod';
import { pointerTo } from './pointer.ts';
import { FailureError, type FieldError, MOST_ERRORS } from './problem.ts';
import { ruleOf } from './rules.ts';
import { shorten } from './shorten.ts';

type Path = readonly PropertyKey[];

/** The field as the subject of a sentence. */
function subjectOf(path: Path): string {
  const last = path.at(-1);
  if (last === undefined) return 'the request';
  if (typeof last !== 'number') return shorten(String(last));
  const list = path.findLast((step) => typeof step !== 'number');
  return list === undefined ? `item ${last}` : `item ${last} of ${shorten(String(list))}`;
}

const errorAt = (path: Path, rule: string): FieldError => ({
  detail: `${subjectOf(path)} ${rule}`,
  pointer: pointerTo(...path),
});

const isUnknownKeys = ({ code }: z.core.$ZodIssue): boolean => code === 'unrecognized_keys';

/**
 * The branch of a union that was meant: one that takes this kind of value, has the fewest fields which
 * others have, and the fewest errors. None where a field is missing and another unknown, so that it could
 * be any.
 */
function branchMeant(
  branches: readonly (readonly z.core.$ZodIssue[])[],
): readonly z.core.$ZodIssue[] | undefined {
  const possible = branches.filter((issues) =>
    issues.every(({ path, code }) => path.length > 0 || code === 'unrecognized_keys'),
  );
  const unknown = (issues: readonly z.core.$ZodIssue[]): number =>
    issues.filter(isUnknownKeys).length;
  const [best] = [...possible].sort((a, b) => unknown(a) - unknown(b) || a.length - b.length);
  if (best && unknown(best) > 0 && best.length > unknown(best)) return undefined;
  return best;
}

/** Field errors of a schema's refusal, at most `MOST_ERRORS`. Of a union, the branch that was meant is told. */
export function fieldErrors(issues: readonly z.core.$ZodIssue[], at: Path = []): FieldError[] {
  const errors = issues.slice(0, MOST_ERRORS).flatMap((issue): FieldError[] => {
    const path = [...at, ...issue.path];
    if (issue.code === 'unrecognized_keys') {
      return issue.keys
        .slice(0, MOST_ERRORS)
        .map((key) => errorAt([...path, key], 'is not a field that can be given here'));
    }
    const meant = issue.code === 'invalid_union' ? branchMeant(issue.errors) : undefined;
    return meant ? fieldErrors(meant, path) : [errorAt(path, issue.message)];
  });
  return errors.slice(0, MOST_ERRORS);
}

/**
 * The value that a schema makes of a body, which `assertBounded` has seen where it comes from a caller.
 * @throws FailureError `invalid_request` with its field errors
 */
export function parseBody<T>(schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(body, { error: ruleOf });
  if (parsed.success) return parsed.data;
  const errors = fieldErrors(parsed.error.issues);
  const more = errors.length > 1 ? `, and ${errors.length - 1} more fields do not fit` : '';
  const detail = `${errors[0]?.detail ?? 'the request does not fit its schema'}${more}`;
  throw new FailureError({ code: 'invalid_request', detail, errors });
}
