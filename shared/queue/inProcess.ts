/**
 * A queue in this process's memory, for one machine: what it loses when the process ends, a sweep over the truth
 * puts back. Equal messages are one, so that a sweep may send what is here already.
 */
import type { Depth, Queue, Received } from './queue.ts';

interface Message {
  readonly body: string;
  /** Unix milliseconds. */
  visible: number;
  receipt: string | undefined;
  deliveries: number;
}

export interface InProcessOptions {
  readonly visibilitySeconds: number;
  /** Unix milliseconds. */
  readonly now?: () => number;
  /** Where buried messages go; nowhere when left out. */
  readonly bury?: (body: string, reason: string) => void;
}

export interface InProcessQueue extends Queue {
  /** Messages, hidden ones among them. */
  readonly size: () => number;
}

export function createInProcessQueue({
  visibilitySeconds,
  now = Date.now,
  bury = () => {},
}: InProcessOptions): InProcessQueue {
  const messages = new Map<string, Message>();
  const byReceipt = new Map<string, Message>();
  let wake = new Set<() => void>();
  let receipts = 0;

  function wakeAll(): void {
    const woken = wake;
    wake = new Set();
    for (const resume of woken) resume();
  }

  function take(most: number): Received[] {
    const taken: Received[] = [];
    const at = now();
    for (const message of messages.values()) {
      if (taken.length === most) break;
      if (message.visible > at) continue;
      if (message.receipt !== undefined) byReceipt.delete(message.receipt);
      const receipt = String(++receipts);
      message.receipt = receipt;
      message.visible = at + visibilitySeconds * 1000;
      message.deliveries++;
      byReceipt.set(receipt, message);
      taken.push({ body: message.body, receipt, deliveries: message.deliveries });
    }
    return taken;
  }

  /** Resolves when a message may have become visible, at the latest after so many milliseconds. */
  function news(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
    const at = now();
    let next = milliseconds;
    for (const { visible } of messages.values()) next = Math.min(next, visible - at);
    return new Promise((resolve) => {
      const resume = (): void => {
        clearTimeout(timer);
        wake.delete(resume);
        signal?.removeEventListener('abort', resume);
        resolve();
      };
      const timer = setTimeout(resume, Math.max(1, next));
      wake.add(resume);
      signal?.addEventListener('abort', resume, { once: true });
    });
  }

  function depth(): Depth {
    const at = now();
    const all = [...messages.values()];
    const hidden = all.filter(({ visible }) => visible > at);
    const taken = hidden.filter(({ receipt }) => receipt !== undefined).length;
    return { waiting: all.length - hidden.length, delayed: hidden.length - taken, taken };
  }

  function release(receipt: string, seconds: number): Message | undefined {
    const message = byReceipt.get(receipt);
    if (!message) return undefined;
    message.visible = now() + seconds * 1000;
    return message;
  }

  const remove: Queue['remove'] = async (receipt) => {
    const message = byReceipt.get(receipt);
    if (!message) return;
    byReceipt.delete(receipt);
    messages.delete(message.body);
  };

  return {
    visibilitySeconds,
    isShared: false,
    size: () => messages.size,
    async send(body, delaySeconds = 0) {
      if (messages.has(body)) return;
      const visible = now() + delaySeconds * 1000;
      messages.set(body, { body, visible, receipt: undefined, deliveries: 0 });
      wakeAll();
    },
    async receive({ most, waitSeconds, signal }) {
      const until = now() + waitSeconds * 1000;
      for (;;) {
        const taken = signal?.aborted ? [] : take(most);
        const left = until - now();
        if (taken.length > 0 || left <= 0 || signal?.aborted) return taken;
        await news(left, signal);
      }
    },
    async hide(receipt, seconds) {
      const message = release(receipt, seconds);
      if (message && seconds <= 0) {
        byReceipt.delete(receipt);
        message.receipt = undefined;
      }
      wakeAll();
    },
    async defer({ receipt }, seconds) {
      const message = release(receipt, seconds);
      if (!message) return;
      byReceipt.delete(receipt);
      message.receipt = undefined;
      message.deliveries = 0;
      wakeAll();
    },
    remove,
    async bury({ body, receipt }, reason) {
      bury(body, reason);
      await remove(receipt);
    },
    depth: async () => depth(),
  };
}
