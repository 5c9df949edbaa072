/** Admission: so many requests at work, so many waiting, and the others refused at once. */
import { refusal } from '../../shared/api/problem.ts';

export interface Gate {
  /**
   * Waits for a slot; call the result when the work is over.
   * @throws FailureError `overloaded` when the queue is full; the signal's reason when aborted
   */
  readonly enter: (signal: AbortSignal) => Promise<() => void>;
  readonly running: () => number;
  readonly waiting: () => number;
}

interface Waiter {
  readonly start: () => void;
}

/** @param queue how many may wait */
export function createGate(slots: number, queue: number): Gate {
  let running = 0;
  // Running mean of how long a slot is taken, for Retry-After.
  let meanSeconds = 1;
  const waiters: Waiter[] = [];

  const taken = (): (() => void) => {
    running++;
    const started = performance.now();
    let over = false;
    return () => {
      if (over) return;
      over = true;
      running--;
      meanSeconds += ((performance.now() - started) / 1000 - meanSeconds) / 8;
      waiters.shift()?.start();
    };
  };

  const enter: Gate['enter'] = async (signal) => {
    signal.throwIfAborted();
    if (running < slots) return taken();
    if (waiters.length >= queue) {
      const retryAfterSeconds = Math.max(1, Math.ceil((meanSeconds * (queue + 1)) / slots));
      const detail = `${running} requests are running and ${waiters.length} wait; no more are taken`;
      throw refusal('overloaded', detail, undefined, { retryAfterSeconds });
    }
    return await new Promise((resolve, reject) => {
      const waiter: Waiter = {
        start: () => {
          signal.removeEventListener('abort', leave);
          resolve(taken());
        },
      };
      const leave = (): void => {
        waiters.splice(waiters.indexOf(waiter), 1);
        reject(signal.reason);
      };
      signal.addEventListener('abort', leave, { once: true });
      waiters.push(waiter);
    });
  };
  return { enter, running: () => running, waiting: () => waiters.length };
}
