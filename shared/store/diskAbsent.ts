/**
 * Whether a file is absent, asked without a thread: most results are looked for before they are there, and to hand the
 * question to a thread takes the processor several times as long as the answer.
 */
import { statSync } from 'node:fs';

/** A file system that takes longer is far away, or busy: nothing else goes on meanwhile. */
const SLOW_MILLISECONDS = 3;
/** Then it is not asked for so long. */
const REST_MILLISECONDS = 1000;

/**
 * @param now milliseconds
 * @returns whether a file is known to be absent; false also where it was not asked
 * @throws Error with the file system's reason
 */
export function createAbsent(
  exists: (file: string) => boolean = (file) =>
    statSync(file, { throwIfNoEntry: false }) !== undefined,
  now: () => number = () => performance.now(),
): (file: string) => boolean {
  let restsUntil = Number.NEGATIVE_INFINITY;
  return (file) => {
    const began = now();
    if (began < restsUntil) return false;
    const isAbsent = !exists(file);
    const ended = now();
    if (ended - began > SLOW_MILLISECONDS) restsUntil = ended + REST_MILLISECONDS;
    return isAbsent;
  };
}
