/**
 * A queue in this process's memory, for one machine: what it loses when the process ends, a sweep over the truth
 * puts back. Equal messages are one, so that a sweep may send what is here already.
 */
import type { Queue, Received } from './queue.ts';

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
}

export interface InProcessQueue extends Queue {
  /** Messages, hidden ones among them. */
  readonly size: () => number;
}

export function createInProcessQueue({
  visibilitySeconds,
  now = Date.now,
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
    const next = Math.min(...[...messages.values()].map(({ visible }) => visible - at));
    return new Promise((resolve) => {
      const resume = (): void => {
        clearTimeout(timer);
        wake.delete(resume);
        signal?.removeEventListener('abort', resume);
        resolve();
      };
      const timer = setTimeout(resume, Math.max(1, Math.min(milliseconds, next)));
      wake.add(resume);
      signal?.addEventListener('abort', resume, { once: true });
    });
  }

  return {
    visibilitySeconds,
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
      const message = byReceipt.get(receipt);
      if (!message) return;
      message.visible = now() + seconds * 1000;
      if (seconds > 0) return wakeAll();
      byReceipt.delete(receipt);
      message.receipt = undefined;
      wakeAll();
    },
    async remove(receipt) {
      const message = byReceipt.get(receipt);
      if (!message) return;
      byReceipt.delete(receipt);
      messages.delete(message.body);
    },
  };
}
