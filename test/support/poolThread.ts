/** A pool thread whose tasks misbehave in every way that a real one could. */
import { FailureError } from '../../shared/api/problem.ts';
import { serveTasks } from '../../worker/threads/serve.ts';

serveTasks({
  double: ({ values }: { readonly values: Float32Array }) => values.map((value) => value * 2),
  sleep: async ({ milliseconds }: { readonly milliseconds: number }) => {
    await new Promise((resolve) => setTimeout(resolve, milliseconds));
    return milliseconds;
  },
  spin: () => {
    for (;;);
  },
  refuse: () => {
    throw new FailureError({ code: 'too_large', detail: 'too much' });
  },
  fail: () => {
    throw new RangeError('a fault of ours');
  },
  exit: () => process.exit(3),
  exhaust: () => {
    const all: number[][] = [];
    for (;;) all.push(Array.from({ length: 100_000 }, (_, i) => i + 0.5));
  },
  unclonable: () => () => 1,
});
