/** How tests hold up the worker that computes nothing, and wait for what follows. */
import assert from 'node:assert/strict';
import type { FakeWorker } from './fakeWorker.ts';

const closed = new Set<() => void>();

/** A door that requests at the worker wait before. */
export function closedGate({ worker }: { readonly worker: FakeWorker }): () => void {
  let open = (): void => {};
  worker.gate = new Promise((resolve) => {
    open = () => {
      closed.delete(open);
      worker.gate = undefined;
      resolve();
    };
  });
  closed.add(open);
  return open;
}

/** Opens every door that is closed, so that nobody waits behind a test that has failed. */
export function openGates(): void {
  for (const open of closed) open();
}

/** Waits for a condition, a minute or more: only what hangs takes so long. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
): Promise<void> {
  for (let tries = 0; tries < 3000; tries++) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.fail(`it never came to this: ${what}`);
}
