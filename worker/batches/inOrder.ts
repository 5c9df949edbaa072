/** Work on many things at once whose results are wanted in order, with a bound on what is held of them. */

/**
 * @param most results that are under way or wait for an earlier one, which bounds what is held
 * @yields what `work` makes of each item, in the order of the items
 * @throws the first error in that order, when all that was begun has ended
 */
export async function* inOrder<T, R>(
  items: AsyncIterable<T>,
  most: number,
  work: (item: T) => Promise<R>,
): AsyncGenerator<R, void, undefined> {
  const begun: Promise<R>[] = [];
  const failures: unknown[] = [];
  const coming = items[Symbol.asyncIterator]();
  try {
    for (let isOver = false; !isOver || begun.length > 0; ) {
      if (!isOver && begun.length < most) {
        const item = await coming.next().catch((error: unknown) => void failures.push(error));
        isOver = !item || item.done === true;
        if (!item || item.done) continue;
        const result = work(item.value);
        // It is awaited in its turn, which may be long after it has failed.
        result.catch(() => undefined);
        begun.push(result);
      } else {
        yield await (begun.shift() as Promise<R>);
      }
    }
    // What came before an item that cannot be had counts all the same.
    if (failures.length > 0) throw failures[0];
  } finally {
    await coming.return?.();
    await Promise.allSettled(begun);
  }
}

/** So many at a time, whoever has waited longest first. */
export interface Limiter {
  /** Waits for a turn. @throws the signal's reason; what the work throws */
  run<R>(work: () => Promise<R>, signal: AbortSignal): Promise<R>;
}

export function createLimiter(most: number): Limiter {
  let running = 0;
  const waiting = new Set<() => void>();

  function enter(signal: AbortSignal): Promise<void> {
    if (running < most) {
      running++;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const start = (): void => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      const leave = (): void => {
        waiting.delete(start);
        reject(signal.reason);
      };
      signal.addEventListener('abort', leave, { once: true });
      waiting.add(start);
    });
  }

  /** The place goes to whoever is next. */
  function exit(): void {
    const [next] = waiting;
    if (!next) {
      running--;
      return;
    }
    waiting.delete(next);
    next();
  }

  return {
    async run(work, signal) {
      signal.throwIfAborted();
      await enter(signal);
      try {
        return await work();
      } finally {
        exit();
      }
    },
  };
}
