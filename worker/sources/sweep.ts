/** Removes uploads that have expired, and bytes that nothing has used for long. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Store } from '../../shared/store/store.ts';
import { sweepUploads } from '../../shared/uploads/sweep.ts';
import { describeError, type Log } from '../log.ts';

/** Between two looks; workers that were started together do not look together. */
const EVERY_MILLISECONDS = 3_600_000;

/** Looks again and again, until the signal aborts. */
export async function keepSweeping(
  store: Store,
  { log, signal }: { readonly log: Log; readonly signal: AbortSignal },
): Promise<void> {
  while (!signal.aborted) {
    await sweepUploads(store).catch((error: unknown) => {
      const message = 'expired uploads could not be removed';
      log({ event: 'store', message, error: describeError(error) });
    });
    const wait = EVERY_MILLISECONDS * (0.75 + Math.random() / 2);
    await sleep(wait, undefined, { signal, ref: false }).catch(() => undefined);
  }
}
