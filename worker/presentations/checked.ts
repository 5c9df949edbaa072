/** JSON values against their schemas. */
import type * as z from 'zod';
import { pointerBelow } from '../../shared/api/pointer.ts';
import { refusal } from '../../shared/api/problem.ts';

/** A value of the schema. @throws FailureError `invalid_input` naming the part that does not fit */
export function checked<T extends z.ZodType>(schema: T, value: unknown, at: string): z.output<T> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const path = issue?.path ?? [];
  const detail = issue?.message ?? 'the value does not fit its schema';
  throw refusal('invalid_input', detail, pointerBelow(at, ...path));
}
