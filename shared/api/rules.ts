/** What a field must be, in words, for every way in which a schema refuses it. */
import type * as z from 'zod';

const KINDS: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  tuple: 'a list',
  object: 'an object',
  record: 'an object',
};

/** What is counted of a kind of value; nothing where the value itself is compared. */
const COUNTED: Readonly<Record<string, string>> = {
  string: 'characters',
  array: 'items',
  object: 'fields',
  record: 'fields',
};

const bound = (origin: string, side: string, limit: number | bigint): string => {
  const counted = COUNTED[origin];
  return counted ? `must have ${side} ${limit} ${counted}` : `must be ${side} ${limit}`;
};

/** `a`, `a or b`, `a, b or c`. */
const either = (values: readonly unknown[]): string => {
  const words = values.map(String);
  const last = words.pop() ?? '';
  return words.length > 0 ? `${words.join(', ')} or ${last}` : last;
};

/** The end of a sentence whose subject is the field: the `error` of a schema's parse. */
export function ruleOf(issue: z.core.$ZodRawIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      if (issue.input === undefined) return 'is missing';
      return `must be ${KINDS[issue.expected] ?? issue.expected}`;
    case 'too_small':
      if (issue.origin === 'string' && issue.minimum === 1) return 'must not be empty';
      return bound(issue.origin, issue.inclusive ? 'at least' : 'more than', issue.minimum);
    case 'too_big':
      return bound(issue.origin, issue.inclusive ? 'at most' : 'less than', issue.maximum);
    case 'invalid_value':
      return `must be ${either(issue.values)}`;
    case 'invalid_key':
      return 'is not a name of 1 to 64 characters';
    case 'not_multiple_of':
      return `must be a multiple of ${issue.divisor}`;
    default:
      return 'must have one of the forms that the documentation of the field lists';
  }
}
