/** In Workers, work ends with the request that it came from, unless it is named to the runtime. */
import type { EdgeContext } from './problems.ts';

/** Lets work go on that others wait for when the caller who began it has gone. */
export const keepAlive =
  (c: EdgeContext) =>
  (work: Promise<unknown>): void => {
    try {
      c.executionCtx.waitUntil(work.catch(() => {}));
    } catch {
      // Node has no execution context: promises live on by themselves.
      work.catch(() => {});
    }
  };
