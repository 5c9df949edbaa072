/** What steps held and padded, by hand; and that whoever watches a scheduler is told of each step once. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noMetrics } from '../../shared/metrics/metrics.ts';
import type { Sequence } from '../../worker/batching/fused/write.ts';
import { tellStep } from '../../worker/batching/step.ts';
import { NOTHING, sizeOfPiece } from '../../worker/batching/stepSize.ts';
import type { WorkerMetrics } from '../../worker/metrics.ts';
import { countSteps } from '../../worker/registry/watchSteps.ts';

const sequence = (contexts: readonly number[], tokens: number): Sequence => ({
  modality: 'caption',
  rows: contexts.map((length, row) => ({ context: { row, tokens: length }, row })),
  weights: contexts.map(() => 1),
  tokens,
  last: 0,
  sampling: { temperature: 1, topK: 0, topP: 0 },
  draws: [],
  stops: [],
});

test('a piece of sequences: places, and those that nobody asked for', () => {
  // Two conditions that write 4 tokens, and one row that ends after its first.
  const size = sizeOfPiece([sequence([10, 20], 8), sequence([40], 0)], [[1, 2, 3, 4], [1]]);
  assert.deepEqual(size, {
    rows: 3,
    // Three rows of four tokens, of which the last wants one.
    tokens: 12,
    paddingTokens: 3,
    // Contexts are filled up to 48 (the next multiple of 16 of 40), the past to 16.
    keys: 3 * 48 + 3 * 16,
    paddingKeys: 3 * 48 - (10 + 20 + 40) + (3 * 16 - (8 + 8 + 0)),
    known: 0,
  });
});

test('a step is told once to each who watches, and costs nothing where nobody does', () => {
  const step = { ...NOTHING, kind: 'predict', started: 100, ended: 150 } as const;
  const asker = { priority: 'interactive', tenant: 'a' } as const;
  const works = [
    { asker, since: 90 },
    { asker: { ...asker, priority: 'batch' } as const, since: 40 },
  ];
  let waits = 0;
  const watched: unknown[] = [];
  const own = (told: { readonly waits: readonly unknown[] }): void => {
    waits += told.waits.length;
    watched.push(told);
  };
  tellStep([own, own, undefined], works, step);
  assert.deepEqual([watched.length, waits], [1, 2]);
  assert.deepEqual(watched[0], {
    ...step,
    requests: 2,
    waits: [
      { priority: 'interactive', milliseconds: 10 },
      { priority: 'batch', milliseconds: 60 },
    ],
  });
  const trap = new Proxy(works, { get: () => assert.fail('nothing is looked at') });
  tellStep([undefined], trap, step);
});

test('passes that a step saves are those of its requests behind the first, and of known states', () => {
  const counted: unknown[] = [];
  const metrics: WorkerMetrics = {
    ...noMetrics(),
    count: (name, labels, by) => {
      if (name === 'passesSaved') counted.push([labels, by]);
    },
  };
  const size = { ...NOTHING, rows: 5, tokens: 50, known: 2 };
  countSteps(
    'm',
    metrics,
  )({ ...size, kind: 'predict', requests: 4, started: 0, ended: 1, waits: [] });
  assert.deepEqual(counted, [
    [{ model: 'm', reason: 'shared_step' }, 3],
    [{ model: 'm', reason: 'kept_context' }, 2],
  ]);
});
