/**
 * Bounds of what is taken from a request before a schema looks at it, and of what is said of it. A schema
 * makes an error of every key and item that does not fit, which takes seconds for some 100,000 of them.
 */
import { pointerTo } from './pointer.ts';
import { refusal } from './problem.ts';
import { shorten } from './shorten.ts';

export interface Bounds {
  /** Keys of an object, and items of a list of anything but numbers, at most: twice what any schema takes. */
  readonly parts: number;
  /** Objects and lists at most, those within JSON values not counted. */
  readonly containers: number;
}
/** Of a request for one thing. */
export const REQUEST_BOUNDS: Bounds = { parts: 64, containers: 500 };
/** Of a request with a list of items, each of which has inputs of its own. */
export const ITEMS_BOUNDS: Bounds = { parts: 512, containers: 4000 };

/** Of a request with labelled examples, which are as many again. */
export const EXAMPLES_BOUNDS: Bounds = { parts: 1024, containers: 8000 };

/** Steps from the request to its innermost part at most. */
const MOST_STEPS = 16;

type Path = readonly PropertyKey[];

const isContainer = (value: unknown): value is object =>
  typeof value === 'object' && value !== null;

/**
 * Where the inputs are that a path leads into: the request's own, or those of an item of a list.
 * @returns the path to them and the one within them, which begins behind `inputs`; undefined elsewhere
 */
export function inputsOf(path: Path): { readonly at: Path; readonly within: Path } | undefined {
  const place = path[0] === 'inputs' ? 0 : 2;
  const isItem = place === 0 || typeof path[1] === 'number';
  if (!isItem || path[place] !== 'inputs') return undefined;
  return { at: path.slice(0, place + 1), within: path.slice(place + 1) };
}

/** JSON that an input was given as; its schema bounds it as a whole. */
export function isFreeJson(path: Path): boolean {
  const within = inputsOf(path)?.within;
  return within?.length === 2 && within[1] === 'value';
}

function refuseSize(path: Path, what: string, most: number): never {
  const subject = path.length === 0 ? 'the request' : shorten(String(path.at(-1)));
  const detail = `${subject} has more than ${most} ${what}, which is more than it can take`;
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
interface Left extends Bounds {
  /** Containers that may still come. */
  left: number;
}

function visit(value: unknown, path: Path, left: Left): void {
  if (!isContainer(value) || isFreeJson(path)) return;
  if (--left.left < 0) {
    const detail = `the request has more than ${left.containers} objects and lists`;
    throw refusal('invalid_request', detail);
  }
  if (path.length > MOST_STEPS) {
    const [field = ''] = path;
    const detail = `${shorten(String(field))} is nested too deeply`;
    throw refusal('invalid_request', detail, pointerTo(field));
  }
  if (Array.isArray(value)) {
    if (value.length > left.parts) {
      // Lists of token ids are long; there is nothing inside of a number.
      if (value.every((item) => typeof item === 'number' || item === null)) return;
      refuseSize(path, 'items', left.parts);
    }
    for (const [index, item] of value.entries()) visit(item, [...path, index], left);
    return;
  }
  const keys = Object.keys(value);
  if (keys.length > REQUEST_BOUNDS.parts) refuseSize(path, 'fields', REQUEST_BOUNDS.parts);
  if (keys.includes('__proto__')) refuseProto(path);
  for (const key of keys) visit(Reflect.get(value, key), [...path, key], left);
}

/** @throws FailureError `invalid_request` naming the first object or list that is too large */
export const assertBounded = (value: unknown, bounds: Bounds = REQUEST_BOUNDS): void =>
  visit(value, [], { ...bounds, left: bounds.containers });
