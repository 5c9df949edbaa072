/** What edges that spend one tenant's credit are asked to do, and what befalls them. */
import fc from 'fast-check';

export const EDGES = 8;

export type Operation =
  | { readonly do: 'stored' | 'computed' | 'failed' | 'job'; edge: number; amount: number }
  | { readonly do: 'again'; edge: number; amount: number; work: number }
  | { readonly do: 'kill' | 'tidy' | 'flush'; edge: number }
  | { readonly do: 'later'; milliseconds: number }
  | { readonly do: 'grant'; amount: number }
  | { readonly do: 'end'; succeeds: boolean };

const edge = fc.integer({ min: 0, max: EDGES - 1 });
const amount = fc.integer({ min: 0, max: 40 });
const work = <D extends 'stored' | 'computed' | 'failed' | 'job'>(name: D, weight: number) => ({
  weight,
  arbitrary: fc.record({ do: fc.constant(name), edge, amount }),
});
export const operation: fc.Arbitrary<Operation> = fc.oneof(
  work('stored', 30),
  work('computed', 20),
  work('failed', 5),
  work('job', 8),
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('again' as const),
      edge,
      amount,
      work: fc.integer({ min: 0, max: 20 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constantFrom('tidy' as const, 'flush' as const), edge }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('kill' as const), edge }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('later' as const),
      milliseconds: fc.integer({ min: 0, max: 20_000 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('grant' as const),
      amount: fc.integer({ min: 1, max: 200 }),
    }),
  },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('end' as const), succeeds: fc.boolean() }) },
);
