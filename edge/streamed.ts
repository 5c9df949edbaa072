/** Answers that go on after their handler has returned. */
import { stream } from 'hono/streaming';
import type { EdgeContext } from './problems.ts';

/** As Hono's `stream`; whoever watches requests learns when it has ended. */
export function streamed(
  c: EdgeContext,
  work: (out: Parameters<Parameters<typeof stream>[1]>[0]) => Promise<void>,
): Response {
  let end = (): void => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  c.set('streamed', ended);
  return stream(c, async (out) => {
    try {
      await work(out);
    } finally {
      end();
    }
  });
}
