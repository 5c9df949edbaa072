/** In Workers, work ends with the request that it came from, unless it is named to the runtime. */
import { isWorker } from '../shared/pause.ts';
import type { EdgeContext } from './problems.ts';

/** Lets work go on that others wait for when the caller who began it has gone. */
export const keepAlive =
  (c: EdgeContext) =>
  (work: Promise<unknown>): void => {
    const quiet = work.catch(() => {});
    // Elsewhere promises live on by themselves.
    if (isWorker) c.executionCtx.waitUntil(quiet);
  };
