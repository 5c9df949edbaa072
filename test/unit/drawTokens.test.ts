/** Tokens drawn inside a graph, against the same filters by sorting in double precision. */

import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { GREEDY, type SamplingSettings } from '../../worker/engine/forward.ts';
import { distribution, inverseCdf } from '../../worker/engine/sampling.ts';
import { drawTokens, filtersOf } from '../../worker/export/blocks/sampling.ts';
import { rootModule } from '../../worker/export/module.ts';
import type { Weights } from '../../worker/export/weights.ts';
import { createGraph } from '../../worker/onnx/graph.ts';
import { type Runtime, startRuntime } from '../../worker/session/runtime.ts';
import { openGraph } from '../../worker/session/session.ts';
import type { GraphSession } from '../../worker/session/types.ts';
import { temporaryFolder } from '../support/exported.ts';

const VOCABULARY = 3072;
const float = (name: string, dims: readonly (string | number)[]) => ({
  name,
  type: 'float32' as const,
  dims,
});
const signature = {
  inputs: [
    float('logits', ['rows', VOCABULARY]),
    float('temperature', ['rows']),
    { name: 'topK', type: 'int64' as const, dims: ['rows'] },
    { name: 'topKMost', type: 'int64' as const, dims: [1] },
    float('topP', ['rows']),
    float('draw', ['rows']),
  ],
  outputs: [{ name: 'ids', type: 'int64' as const, dims: ['rows'] }, float('confidence', ['rows'])],
};

/** The module asks for no weight here. */
const noWeights = { scope: () => noWeights } as unknown as Weights;

let folder: string;
let runtime: Runtime;
let graph: GraphSession;

before(async () => {
  folder = await temporaryFolder();
  runtime = startRuntime({ threads: 1 });
  const builder = createGraph('draw', signature);
  const module = rootModule(builder, noWeights).at('drawn');
  const filtered = { topKMost: builder.input('topKMost'), topP: builder.input('topP') };
  const { ids, confidence } = drawTokens(module, builder.input('logits'), {
    ...filtered,
    temperature: builder.input('temperature'),
    topK: builder.input('topK'),
    draw: builder.input('draw'),
    filters: filtersOf(module, filtered),
  });
  builder.output('ids', ids);
  builder.output('confidence', confidence);
  const file = join(folder, 'draw.onnx');
  await writeFile(file, builder.encode());
  graph = await openGraph(runtime, 'draw', file, signature);
});
after(async () => {
  await runtime.close();
  await rm(folder, { recursive: true, force: true });
});

interface Row extends SamplingSettings {
  readonly logits: Float32Array;
  readonly draw: number;
}

/** @param spread 0.1 is nearly flat, where top-p keeps thousands; 8 leaves a handful */
const row = (seed: number, spread: number, settings: Partial<Row>): Row => ({
  ...GREEDY,
  logits: Float32Array.from({ length: VOCABULARY }, (_, i) => {
    const angle = Math.sin((seed + 1) * 78.233 + i * 12.9898) * 43758.5453;
    return spread * Math.tan(1.4 * (angle - Math.floor(angle) - 0.5));
  }),
  draw: Math.fround((seed * 0.618034 + 0.31) % 1),
  ...settings,
});

async function draw(rows: readonly Row[]): Promise<{ ids: number[]; confidence: number[] }> {
  const column = (of: (row: Row) => number) => ({
    type: 'float32' as const,
    dims: [rows.length],
    data: Float32Array.from(rows, of),
  });
  const logits = new Float32Array(rows.length * VOCABULARY);
  for (const [i, { logits: own }] of rows.entries()) logits.set(own, i * VOCABULARY);
  const { ids, confidence } = await graph.run({
    logits: { type: 'float32', dims: [rows.length, VOCABULARY], data: logits },
    temperature: column(({ temperature }) => temperature),
    topK: {
      type: 'int64',
      dims: [rows.length],
      data: BigInt64Array.from(rows, ({ topK }) => BigInt(topK)),
    },
    topKMost: {
      type: 'int64',
      dims: [1],
      data: BigInt64Array.of(BigInt(Math.max(...rows.map(({ topK }) => topK)))),
    },
    topP: column(({ topP }) => topP),
    draw: column(({ draw: own }) => own),
  });
  return {
    ids: Array.from(ids?.data as BigInt64Array, Number),
    confidence: Array.from(confidence?.data as Float32Array),
  };
}

/** Rows that are settled among 64 tokens, among 1,024, and among all, at temperatures high and low. */
const mixed: readonly Row[] = [0.05, 0.4, 1, 2, 4, 8].flatMap((spread, s) =>
  [0.01, 0.3, 1, 2].flatMap((temperature, t) =>
    [0, 0.3, 0.8, 0.99].map((topP, p) =>
      row(s * 16 + t * 4 + p, spread, { temperature, topP, topK: p === 2 && t === 1 ? 900 : 0 }),
    ),
  ),
);

test('filters by sum find the border that sorting all tokens finds', async () => {
  const { ids, confidence } = await draw(mixed);
  let same = 0;
  for (const [i, { logits, draw: own, ...settings }] of mixed.entries()) {
    const probabilities = distribution(logits, settings);
    if (ids[i] === inverseCdf(probabilities, own)) same += 1;
    const wanted = Number(probabilities[Number(ids[i])]);
    // One token more or less at the border is a matter of rounding; a wrong border moves everything.
    assert.ok(wanted > 0, `row ${i}: token ${ids[i]} was filtered out`);
    const difference = Math.abs(Number(confidence[i]) - wanted) / wanted;
    assert.ok(difference < 2e-3, `row ${i}: ${confidence[i]} for ${wanted}`);
  }
  assert.ok(same >= mixed.length - 1, `${same} of ${mixed.length} draws agree`);
});

test('a row draws the same beside any others as alone', async () => {
  const together = await draw(mixed);
  for (const [i, own] of mixed.entries()) {
    const alone = await draw([own]);
    assert.deepEqual(
      [alone.ids[0], alone.confidence[0]],
      [together.ids[i], together.confidence[i]],
    );
  }
});

test('a draw of zero falls on a token that has weight', async () => {
  const { confidence } = await draw([
    row(3, 0.4, { temperature: 0.01, topP: 0.8, draw: 0 }),
    row(4, 0.4, { temperature: 0.01, draw: 0 }),
  ]);
  for (const share of confidence) assert.ok(share > 1e-12, `a token of ${share} was drawn`);
});
