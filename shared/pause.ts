/**
 * Work on many megabytes goes in slices with pauses between them, so that other requests get their turn.
 * However many requests have such work, each turn of the event loop does one slice.
 */

/** Bytes that are worked on between two pauses: a fraction of a millisecond, or a few on a busy machine. */
export const SLICE = 128 * 1024;
/** Bytes that are searched or copied between two pauses, which takes a tenth of the time. */
export const LONG_SLICE = 1024 * 1024;

/** Whether this is a Worker: there a request must not resume another one, whose end would then end it too. */
export const isWorker = globalThis.navigator?.userAgent === 'Cloudflare-Workers';

const waiting: (() => void)[] = [];

function resumeOne(): void {
  waiting.shift()?.();
  if (waiting.length > 0) setImmediate(resumeOne);
}

/** Lets everything else that waits run before the caller goes on. */
export const pause = (): Promise<void> =>
  new Promise((resolve) => {
    // A timer waits a millisecond at least, which adds up over the slices of a large file.
    if (isWorker) return void setTimeout(resolve, 0);
    waiting.push(resolve);
    if (waiting.length === 1) setImmediate(resumeOne);
  });

/** Where a byte is, as `indexOf` tells it. */
export async function find(bytes: Uint8Array, code: number, from: number): Promise<number> {
  for (let start = from; start < bytes.length; start += LONG_SLICE) {
    if (start > from) await pause();
    const at = bytes.subarray(start, start + LONG_SLICE).indexOf(code);
    if (at >= 0) return start + at;
  }
  return -1;
}

/** Pieces one behind the other in one array of so many bytes. */
export async function join(
  pieces: readonly Uint8Array[],
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const whole = new Uint8Array(length);
  let [at, paused] = [0, 0];
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
    if (at - paused < LONG_SLICE) continue;
    paused = at;
    await pause();
  }
  return whole;
}
