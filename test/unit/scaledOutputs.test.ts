/** Outputs of an 8-bit product that come multiplied by a factor, against the same product without one. */
import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { matrixProduct } from '../../worker/export/blocks/matrix.ts';
import { rootModule } from '../../worker/export/module.ts';
import type { Weights } from '../../worker/export/weights.ts';
import { createGraph } from '../../worker/onnx/graph.ts';
import { startRuntime } from '../../worker/session/runtime.ts';
import { openGraph } from '../../worker/session/session.ts';
import { temporaryFolder } from '../support/exported.ts';

const INPUTS = 24;
const OUTPUTS = 9;
const SCALED = 3;
const ROWS = 4;
const FILE = 'weights.bin';

const signature = {
  inputs: [{ name: 'x', type: 'float32' as const, dims: [1, 'rows', INPUTS] as const }],
  outputs: ['plain', 'scaled'].map((name) => ({
    name,
    type: 'float32' as const,
    dims: [1, 'rows', OUTPUTS] as const,
  })),
};

/** One matrix in 8 bits, its scales behind its codes. */
const weights = {
  precision: 'int8',
  scope: () => weights,
  encoded: () => [
    {
      name: 'codes',
      type: 'int8',
      dims: [INPUTS, OUTPUTS],
      file: FILE,
      offset: 0,
      length: INPUTS * OUTPUTS,
    },
    {
      name: 'scales',
      type: 'float32',
      dims: [OUTPUTS],
      file: FILE,
      offset: INPUTS * OUTPUTS,
      length: 4 * OUTPUTS,
    },
  ],
} as unknown as Weights;

test('the first outputs take in a factor, the others stay as they are, to the last bit', async () => {
  const folder = await temporaryFolder();
  const runtime = startRuntime({ threads: 1 });
  try {
    const codes = Int8Array.from({ length: INPUTS * OUTPUTS }, (_, i) =>
      Math.round(Math.sin(i * 12.9898) * 127),
    );
    const scales = Float32Array.from({ length: OUTPUTS }, (_, i) => 0.013 * (i + 1));
    await writeFile(
      join(folder, FILE),
      Buffer.concat([Buffer.from(codes.buffer), Buffer.from(scales.buffer)]),
    );
    const graph = createGraph('product', signature);
    const root = rootModule(graph, weights);
    const sizes = [INPUTS, OUTPUTS] as const;
    const factor = { outputs: SCALED, factor: 0.125 };
    graph.output('plain', matrixProduct(root.at('plain'), graph.input('x'), sizes, 'other'));
    const scaled = matrixProduct(root.at('scaled'), graph.input('x'), sizes, 'other', factor);
    graph.output('scaled', scaled);
    const file = join(folder, 'product.onnx');
    await writeFile(file, graph.encode());
    const session = await openGraph(runtime, 'product', file, signature);
    const data = Float32Array.from({ length: ROWS * INPUTS }, (_, i) => Math.cos(i * 7.1));
    const x = { type: 'float32' as const, dims: [1, ROWS, INPUTS], data };
    const outputs = await session.run({ x });
    const plain = Array.from(outputs.plain!.data as Float32Array);
    const wanted = plain.map((value, i) => (i % OUTPUTS < SCALED ? value / 8 : value));
    assert.deepEqual(Array.from(outputs.scaled!.data as Float32Array), wanted);
    assert.ok(plain.every((value) => value !== 0));
  } finally {
    await runtime.close();
    await rm(folder, { recursive: true, force: true });
  }
});
