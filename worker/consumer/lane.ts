/**
 * Messages of one queue at work: exactly as many are taken as there are free slots, each is kept from others as long
 * as it is worked on, and one that was left without a word comes again.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Queue, Received } from '../../shared/queue/queue.ts';
import { jitter } from './services.ts';

export interface LaneOptions {
  readonly queue: Queue;
  /** Messages at work at the same time. */
  readonly slots: number;
  /**
   * Does what a message asks, and removes it, gives it back or buries it.
   * @param leave gives the slot to another message while this one waits for something
   */
  readonly handle: (message: Received, leave: () => void) => Promise<void>;
  /** Before a message is tried again whose handling threw. */
  readonly backoffSeconds: number;
  /** Told of what throws. */
  readonly trouble: (message: string, error: unknown) => void;
}

export interface Lane {
  start(): void;
  /** Slots that are taken. */
  busy(): number;
  /** Takes no more; resolves when what is at work has ended. */
  stop(): Promise<void>;
}

const WAIT_SECONDS = 20;
/** Time after an error of the queue. */
const TROUBLE_MILLISECONDS = 2_000;

export function createLane({ queue, slots, handle, backoffSeconds, trouble }: LaneOptions): Lane {
  const stopping = new AbortController();
  const handled = new Set<Promise<void>>();
  let busy = 0;
  let freed = (): void => {};

  async function work(message: Received): Promise<void> {
    let holdsSlot = true;
    busy++;
    const leave = (): void => {
      if (!holdsSlot) return;
      holdsSlot = false;
      busy--;
      freed();
    };
    const { visibilitySeconds } = queue;
    const extend = setInterval(
      () => {
        queue
          .hide(message.receipt, visibilitySeconds)
          .catch((error) => trouble('a delivery cannot be extended', error));
      },
      (visibilitySeconds * 1000) / 3,
    );
    try {
      await handle(message, leave);
    } catch (error) {
      trouble(`the message ${message.body.slice(0, 200)} could not be handled`, error);
      // What failed is the store or the queue, and not the message.
      await queue.defer(message, jitter(backoffSeconds)).catch(() => undefined);
    } finally {
      clearInterval(extend);
      leave();
    }
  }

  async function loop(): Promise<void> {
    const { signal } = stopping;
    while (!signal.aborted) {
      if (busy >= slots) {
        await new Promise<void>((resolve) => {
          freed = resolve;
        });
        continue;
      }
      try {
        const asked = { most: slots - busy, waitSeconds: WAIT_SECONDS, signal };
        for (const message of await queue.receive(asked)) {
          const working = work(message).finally(() => handled.delete(working));
          handled.add(working);
        }
      } catch (error) {
        trouble('the queue does not answer', error);
        await sleep(TROUBLE_MILLISECONDS, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  let looping: Promise<void> = Promise.resolve();
  return {
    start() {
      looping = loop();
    },
    busy: () => busy,
    async stop() {
      stopping.abort();
      freed();
      await looping;
      await Promise.all(handled);
    },
  };
}
