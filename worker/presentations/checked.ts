/** JSON values against their schemas. */
import type * as z from 'zod';
import { fieldErrors } from '../../shared/api/parse.ts';
import { pointerSteps } from '../../shared/api/pointer.ts';
import { FailureError } from '../../shared/api/problem.ts';
import { ruleOf } from '../../shared/api/rules.ts';

/**
 * A value of the schema.
 * @param at pointer of the value
 * @throws FailureError `invalid_input` naming the parts that do not fit
 */
export function checked<T extends z.ZodType>(schema: T, value: unknown, at: string): z.output<T> {
  const parsed = schema.safeParse(value, { error: ruleOf });
  if (parsed.success) return parsed.data;
  const errors = fieldErrors(parsed.error.issues, pointerSteps(at));
  const detail = errors[0]?.detail ?? 'the value does not fit its schema';
  throw new FailureError({ code: 'invalid_input', detail, errors });
}
