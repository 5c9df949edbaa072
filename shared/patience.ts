/**
 * How long a client is waited for. Only time in which this process could have read counts against the client:
 * what a busy machine takes from the process is not the client's slowness.
 */

/** Longest time that one wait counts for; when it took longer, the process itself was held. */
const TICK_MILLISECONDS = 50;

export interface Patience {
  /** The value of a promise; undefined when the waits together have taken so many milliseconds. */
  await<T extends object>(promise: Promise<T>, milliseconds: number): Promise<T | undefined>;
  /** Milliseconds that the waits together have taken. */
  waited(): number;
}

/** The value of a promise; undefined when it does not come in time. */
async function within<T>(promise: Promise<T>, milliseconds: number): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), milliseconds);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Nothing was waited for yet. */
export function createPatience(): Patience {
  let waited = 0;
  return {
    waited: () => waited,
    async await(promise, milliseconds) {
      // What comes too late, or breaks then, is nobody's any more.
      promise.catch(() => {});
      while (waited < milliseconds) {
        const begin = performance.now();
        const tick = Math.min(TICK_MILLISECONDS, milliseconds - waited);
        const value = await within(promise, tick);
        waited += Math.min(tick, performance.now() - begin);
        if (value) return value;
      }
      // Timers come before sockets in a turn of the loop: what lies in a socket is read in the next one.
      return await within(promise, 0);
    },
  };
}
