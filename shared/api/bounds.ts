/**
 * Bounds of what is taken from a request before a schema looks at it, and of what is said of it. A schema
 * makes an error of every key and item that does not fit, which takes seconds for some 100,000 of them.
 */
import { pointerTo } from './pointer.ts';
import { refusal } from './problem.ts';
import { shorten } from './shorten.ts';

/** Keys of an object, and items of a list of anything but numbers, at most: twice what any schema takes. */
const MOST_PARTS = 64;

/** Objects and lists at most, those within JSON values not counted. */
const MOST_CONTAINERS = 500;
/** Steps from the request to its innermost part at most. */
const MOST_STEPS = 16;

type Path = readonly PropertyKey[];

const isContainer = (value: unknown): value is object =>
  typeof value === 'object' && value !== null;

/** JSON that an input was given as; its schema bounds it as a whole. */
export const isFreeJson = (path: Path): boolean =>
  path.length === 3 && path[0] === 'inputs' && path[2] === 'value';

function refuseSize(path: Path, what: string): never {
  const subject = path.length === 0 ? 'the request' : shorten(String(path.at(-1)));
  const detail = `${subject} has more than ${MOST_PARTS} ${what}, which is more than it can take`;
  throw refusal('invalid_request', detail, pointerTo(...path));
}

/** A schema of names drops this one without a word, since it means something else to JavaScript. */
function refuseProto(path: Path): never {
  const place = path.at(-1);
  const code =
    place === 'inputs' || place === 'tokens'
      ? 'unknown_modality'
      : place === 'guidance'
        ? 'invalid_guidance'
        : 'invalid_request';
  throw refusal(
    code,
    '__proto__ is not a name that can be given here',
    pointerTo(...path, '__proto__'),
  );
}

/** Objects and lists that are left to be looked at. */
interface Left {
  parts: number;
}

function visit(value: unknown, path: Path, left: Left): void {
  if (!isContainer(value) || isFreeJson(path)) return;
  if (--left.parts < 0) {
    const detail = `the request has more than ${MOST_CONTAINERS} objects and lists`;
    throw refusal('invalid_request', detail);
  }
  if (path.length > MOST_STEPS) {
    const [field = ''] = path;
    const detail = `${shorten(String(field))} is nested too deeply`;
    throw refusal('invalid_request', detail, pointerTo(field));
  }
  if (Array.isArray(value)) {
    if (value.length > MOST_PARTS) {
      // Lists of token ids are long; there is nothing inside of a number.
      if (value.every((item) => typeof item === 'number' || item === null)) return;
      refuseSize(path, 'items');
    }
    for (const [index, item] of value.entries()) visit(item, [...path, index], left);
    return;
  }
  const keys = Object.keys(value);
  if (keys.length > MOST_PARTS) refuseSize(path, 'fields');
  if (keys.includes('__proto__')) refuseProto(path);
  for (const key of keys) visit(Reflect.get(value, key), [...path, key], left);
}

/** @throws FailureError `invalid_request` naming the first object or list that is too large */
export const assertBounded = (value: unknown): void => visit(value, [], { parts: MOST_CONTAINERS });
