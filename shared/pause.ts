/** Work on many megabytes goes in slices with pauses between them, so that other requests get their turn. */

/** Bytes that are worked on between two pauses: well under a millisecond, or a few on a busy machine. */
export const SLICE = 256 * 1024;

/** Lets everything that waits run before the caller goes on. */
export const pause = (): Promise<void> =>
  new Promise((resolve) => {
    // A timer waits a millisecond at least, which adds up over the slices of a large file.
    if (typeof setImmediate === 'function') setImmediate(resolve);
    else setTimeout(resolve, 0);
  });
