/**
 * Ids of what is made one after another: a name of its kind, the time, and chance. They sort by time, the newest
 * first, so that pages of a listing stay where they are, and what is old lies behind one place of it.
 */

const TIME_DIGITS = 9;
const RANDOM_DIGITS = 12;
const LATEST = 36 ** TIME_DIGITS - 1;

export interface TimeIds {
  readonly is: (id: string) => boolean;
  /** @param now unix milliseconds */
  readonly create: (now: number) => string;
  /** When what has this well-formed id was made, in unix milliseconds. */
  readonly timeOf: (id: string) => number;
  /** Sorts before every id that was made at this time or earlier, and behind all later ones. */
  readonly before: (time: number) => string;
}

const digitsOf = (time: number): string => (LATEST - time).toString(36).padStart(TIME_DIGITS, '0');

/** Random digits that are not used yet: asking for many at once takes a tenth of the time. */
let digits = '';
const DIGITS_AT_ONCE = 85 * RANDOM_DIGITS;

function randomDigits(): string {
  if (digits.length < RANDOM_DIGITS)
    digits = Array.from(crypto.getRandomValues(new Uint32Array(DIGITS_AT_ONCE)), (drawn) =>
      (drawn % 36).toString(36),
    ).join('');
  const taken = digits.slice(0, RANDOM_DIGITS);
  digits = digits.slice(RANDOM_DIGITS);
  return taken;
}

/** @param kind such as `job`, for ids that begin with `job_` */
export function timeIds(kind: string): TimeIds {
  const pattern = new RegExp(`^${kind}_[0-9a-z]{${TIME_DIGITS + RANDOM_DIGITS}}$`);
  const start = kind.length + 1;
  const before = (time: number): string => `${kind}_${digitsOf(time)}`;
  return {
    is: (id) => pattern.test(id),
    create: (now) => before(now) + randomDigits(),
    timeOf: (id) => LATEST - Number.parseInt(id.slice(start, start + TIME_DIGITS), 36),
    before,
  };
}
