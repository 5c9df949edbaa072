/** Many items of one request: worked on so many at a time, and what is wrong with any of them told together. */
import { failureAt, ITEMS_A_SLICE, together } from '../../shared/api/failures.ts';
import { FailureError } from '../../shared/api/problem.ts';
import { pause } from '../../shared/pause.ts';

/** Items that are read and in runs at a time: enough to fill shared runs, few enough to be held in memory. */
const WINDOW = 32;

export interface Windows<Item, Read, Done> {
  /** What an item is, before anything runs. */
  readonly read: (item: Item, index: number) => Promise<Read>;
  /** What becomes of a window whose items were all read. Left out once an item was found not to fit. */
  readonly run: (
    window: readonly { readonly item: Item; readonly read: Read }[],
  ) => Promise<Done[]>;
  readonly signal?: AbortSignal | undefined;
}

/**
 * @param items each with its pointer in the request
 * @returns what `run` makes of each item, in their order
 * @throws FailureError with the fields of every item that cannot be read; whatever `run` throws
 */
export async function inWindows<Item extends { readonly at: string }, Read, Done>(
  items: readonly Item[],
  { read, run, signal }: Windows<Item, Read, Done>,
): Promise<Done[]> {
  const done: Done[] = [];
  const errors: unknown[] = [];
  for (let start = 0; start < items.length; start += WINDOW) {
    signal?.throwIfAborted();
    const window = items.slice(start, start + WINDOW);
    const reading: Promise<Read>[] = [];
    for (const [i, item] of window.entries()) {
      if (i > 0 && i % ITEMS_A_SLICE === 0) await pause();
      const own = read(item, start + i);
      // Looked at below, when all have been begun.
      own.catch(() => {});
      reading.push(own);
    }
    const outcomes = await Promise.allSettled(reading);
    signal?.throwIfAborted();
    const ready = outcomes.flatMap((outcome, i) => {
      const item = window[i];
      if (outcome.status === 'fulfilled' && item) return [{ item, read: outcome.value }];
      if (outcome.status === 'rejected') errors.push(outcome.reason);
      return [];
    });
    if (errors.some((error) => !(error instanceof FailureError))) break;
    if (errors.length === 0) done.push(...(await run(ready)));
  }
  if (errors.length > 0) throw together(errors);
  return done;
}

/** What `work` does for an item, whose failures name fields below its pointer. */
export async function atItem<T>(at: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw failureAt(error, at);
  }
}
