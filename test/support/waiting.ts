/** How tests hold up the worker that computes nothing, and wait for what follows. */
import assert from 'node:assert/strict';
import type { FakeWorker } from './fakeWorker.ts';

/** A door that requests at the worker wait before. */
export function closedGate(f: { readonly worker: FakeWorker }): () => void {
  let open = (): void => {};
  f.worker.gate = new Promise((resolve) => {
    open = () => {
      f.worker.gate = undefined;
      resolve();
    };
  });
  return open;
}

/** Waits for a condition, ten seconds at most. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.fail(`it never came to this: ${what}`);
}
