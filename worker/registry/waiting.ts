/** Requests that wait for a model: each until it is there, has failed, or is waited for too long. */

export interface Waiters<T> {
  /** How many wait. */
  readonly count: () => number;
  /** Since when the first of them waits, in milliseconds; undefined when nobody does. */
  readonly since: () => number | undefined;
  /**
   * Waits for what `grant` gives.
   * @param expired what is thrown after `milliseconds`
   * @throws what `refuse` was given; the signal's reason
   */
  readonly wait: (signal: AbortSignal, milliseconds: number, expired: () => unknown) => Promise<T>;
  /** Gives to all who wait, in the order of their coming. */
  readonly grant: (give: () => T) => void;
  readonly refuse: (reason: unknown) => void;
  /** Has all who wait go on waiting among others. */
  readonly moveTo: (others: Waiters<T>) => void;
  /** For `moveTo`. */
  readonly adopt: (waiters: readonly Waiter<T>[]) => void;
}

export interface Waiter<T> {
  readonly since: number;
  readonly resolve: (value: T) => void;
  readonly reject: (reason: unknown) => void;
  readonly isOver: () => boolean;
}

export function createWaiters<T>(now: () => number): Waiters<T> {
  let waiters: Waiter<T>[] = [];
  /** Those that still wait: one that left was moved elsewhere or not, and is in any case over. */
  const live = (): Waiter<T>[] => {
    waiters = waiters.filter(({ isOver }) => !isOver());
    return waiters;
  };
  const take = (): Waiter<T>[] => {
    const taken = live();
    waiters = [];
    return taken;
  };
  return {
    count: () => live().length,
    since: () => live()[0]?.since,
    async wait(signal, milliseconds, expired) {
      signal.throwIfAborted();
      let isOver = false;
      let timer: NodeJS.Timeout | undefined;
      let leave = (): void => {};
      try {
        return await new Promise<T>((resolve, reject) => {
          // Over at once, not when the promise is looked at: nothing is given to who has left.
          const end =
            <A>(tell: (value: A) => void) =>
            (value: A): void => {
              isOver = true;
              tell(value);
            };
          const refuse = end(reject);
          leave = () => refuse(signal.reason);
          signal.addEventListener('abort', leave, { once: true });
          timer = setTimeout(() => refuse(expired()), milliseconds);
          const waiter = { since: now(), resolve: end(resolve), reject: refuse };
          waiters.push({ ...waiter, isOver: () => isOver });
        });
      } finally {
        clearTimeout(timer);
        signal.removeEventListener('abort', leave);
      }
    },
    grant(give) {
      for (const { resolve } of take()) resolve(give());
    },
    refuse(reason) {
      for (const { reject } of take()) reject(reason);
    },
    moveTo(others) {
      others.adopt(take());
    },
    adopt(adopted) {
      waiters.push(...adopted);
      waiters.sort((a, b) => a.since - b.since);
    },
  };
}
