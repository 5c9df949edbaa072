/**
 * Bounds of what is taken from a request before a schema looks at it, and of what is said of it. A schema
 * makes an error of every key and item that does not fit, which takes seconds for some 100,000 of them.
 */
import { pointerTo } from './pointer.ts';
import { refusal } from './problem.ts';
import { shorten } from './shorten.ts';

/** Keys of an object, and items of a list of anything but numbers, at most: twice what any schema takes. */
const MOST_PARTS = 64;

/** Steps from the request to its innermost part at most. */
const MOST_STEPS = 16;

const isContainer = (value: unknown): value is object =>
  typeof value === 'object' && value !== null;

/** JSON that an input was given as; its schema bounds it as a whole. */
const isFreeJson = (path: readonly PropertyKey[]): boolean =>
  path.length === 3 && path[0] === 'inputs' && path[2] === 'value';

function refuseSize(path: readonly PropertyKey[], what: string): never {
  const subject = path.length === 0 ? 'the request' : shorten(String(path.at(-1)));
  const detail = `${subject} has more than ${MOST_PARTS} ${what}, which is more than it can take`;
  throw refusal('invalid_request', detail, pointerTo(...path));
}

/** @throws FailureError `invalid_request` naming the first object or list that is too large */
export function assertBounded(value: unknown, path: readonly PropertyKey[] = []): void {
  if (!isContainer(value) || isFreeJson(path)) return;
  if (path.length > MOST_STEPS) {
    const [field = ''] = path;
    throw refusal(
      'invalid_request',
      `${shorten(String(field))} is nested too deeply`,
      pointerTo(field),
    );
  }
  if (Array.isArray(value)) {
    if (value.length > MOST_PARTS) {
      // Lists of token ids are long; there is nothing inside of a number.
      if (value.every((item) => typeof item === 'number' || item === null)) return;
      refuseSize(path, 'items');
    }
    for (const [index, item] of value.entries()) assertBounded(item, [...path, index]);
    return;
  }
  const keys = Object.keys(value);
  if (keys.length > MOST_PARTS) refuseSize(path, 'fields');
  for (const key of keys) assertBounded(Reflect.get(value, key), [...path, key]);
}
