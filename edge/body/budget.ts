/**
 * How much of bodies is held at once, and how long one may take. Bytes are counted as they come, so that nobody
 * takes the place of others by an announcement; but a body that could not be held as a whole is not begun, and
 * one whose rest does not fit any more is given up.
 */
import { refusal } from '../../shared/api/problem.ts';

export interface BodyLimits {
  /** Of one body. */
  readonly bytes: number;
  /** Of all bodies under way together. */
  readonly bytesTogether: number;
  /** Time of one body. */
  readonly seconds: number;
}

/** What one request holds. */
export interface BodyLease {
  /**
   * Counts bytes that came.
   * @param rest bytes that are still to come, as announced; none by default
   * @throws FailureError `overloaded` when all bodies together are too large, or would be with the rest
   */
  hold(bytes: number, rest?: number): void;
  /** Gives all of it back. @returns how many bytes it was */
  release(): number;
}

export interface BodyBudget {
  readonly limits: BodyLimits;
  lease(): BodyLease;
}

/** Share of the time that a body has before its rate counts. */
const GRACE = 1 / 12;
/** Bytes a second that a body must bring from then on. */
const LEAST_RATE = 16_000;

/** Milliseconds that a body may have taken when so many of its bytes are there. */
export const allowedMilliseconds = (bytes: number, seconds: number): number =>
  Math.min(seconds, seconds * GRACE + bytes / LEAST_RATE) * 1000;

export function createBodyBudget(given: BodyLimits): BodyBudget {
  // A body that could never be held is too large, and not a matter of waiting.
  const limits = { ...given, bytes: Math.min(given.bytes, given.bytesTogether) };
  let together = 0;
  return {
    limits,
    lease() {
      let held = 0;
      return {
        hold(bytes, rest = 0) {
          if (together + bytes + rest > limits.bytesTogether) {
            const detail =
              'the bodies of other requests take all the memory that there is for them';
            throw refusal('overloaded', detail, undefined, { retryAfterSeconds: 2 });
          }
          together += bytes;
          held += bytes;
        },
        release() {
          const released = held;
          together -= held;
          held = 0;
          return released;
        },
      };
    },
  };
}
