/** Products in 8 bits against the same arithmetic in double precision, alone and beside other rows. */
import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { integerProduct, quantizeRows } from '../../worker/export/blocks/integerProduct.ts';
import { rootModule } from '../../worker/export/module.ts';
import type { Weights } from '../../worker/export/weights.ts';
import { createGraph } from '../../worker/onnx/graph.ts';
import { ELEMENT_TYPES } from '../../worker/onnx/model.ts';
import {
  assertExactProducts,
  isExactSum,
  largestSum,
} from '../../worker/session/integerProducts.ts';
import { type Runtime, startRuntime } from '../../worker/session/runtime.ts';
import { openGraph } from '../../worker/session/session.ts';
import type { GraphSession } from '../../worker/session/types.ts';
import { temporaryFolder } from '../support/exported.ts';

const INPUTS = 40;
const OUTPUTS = 7;
const signature = {
  inputs: [
    { name: 'x', type: 'float32' as const, dims: [1, 'rows', INPUTS] as const },
    { name: 'weight', type: 'float32' as const, dims: [INPUTS, OUTPUTS] as const },
    { name: 'scales', type: 'float32' as const, dims: [OUTPUTS] as const },
  ],
  outputs: [{ name: 'y', type: 'float32' as const, dims: [1, 'rows', OUTPUTS] as const }],
};

/** The module asks for no weight here. */
const noWeights = { scope: () => noWeights } as unknown as Weights;

let folder: string;
let runtime: Runtime;
let graph: GraphSession;

before(async () => {
  folder = await temporaryFolder();
  runtime = startRuntime({ threads: 1 });
  const builder = createGraph('product', signature);
  const module = rootModule(builder, noWeights);
  const weight = builder.node('/codes', 'Cast', [builder.input('weight')], {
    to: ELEMENT_TYPES.int8,
  });
  const rows = quantizeRows(module, builder.input('x'), INPUTS);
  builder.output('y', integerProduct(module, rows, weight, builder.input('scales')));
  const file = join(folder, 'product.onnx');
  await writeFile(file, builder.encode());
  graph = await openGraph(runtime, 'product', file, signature);
});
after(async () => {
  await runtime.close();
  await rm(folder, { recursive: true, force: true });
});

const weight = Float32Array.from(
  { length: INPUTS * OUTPUTS },
  (_, i) => Math.round(Math.sin(i * 12.9898) * 127) || 0,
);
const scales = Float32Array.from({ length: OUTPUTS }, (_, i) => 0.01 * (i + 1));
/** Rows of sizes far apart: one scale for all of them would leave nothing of the small ones. */
const row = (seed: number): number[] =>
  Array.from({ length: INPUTS }, (_, i) =>
    Math.fround(10 ** (seed - 2) * Math.cos(i * 7.1 + seed)),
  );

async function products(rows: readonly (readonly number[])[]): Promise<number[]> {
  const { y } = await graph.run({
    x: {
      type: 'float32',
      dims: [1, rows.length, INPUTS],
      data: Float32Array.from(rows.flat()),
    },
    weight: { type: 'float32', dims: [INPUTS, OUTPUTS], data: weight },
    scales: { type: 'float32', dims: [OUTPUTS], data: scales },
  });
  assert.deepEqual(y?.dims, [1, rows.length, OUTPUTS]);
  return Array.from(y?.data as Float32Array);
}

/** The formula in double precision: codes around zero, rounded half to even. */
function expected(values: readonly number[]): number[] {
  const scale = Math.max(...values.map(Math.abs)) / 127 || 1e-12;
  const codes = values.map((value) => {
    const exact = value / scale;
    const down = Math.floor(exact);
    if (exact - down === 0.5) return down + (down % 2 === 0 ? 0 : 1);
    return Math.round(exact);
  });
  return Array.from(
    scales,
    (weightScale, column) =>
      codes.reduce((sum, code, i) => sum + code * Number(weight[i * OUTPUTS + column]), 0) *
      scale *
      weightScale,
  );
}

test('each row is quantized by its own scale', async () => {
  for (const seed of [0, 1, 2, 3]) {
    const found = await products([row(seed)]);
    const wanted = expected(row(seed));
    const largest = Math.max(...wanted.map(Math.abs));
    // A quotient at the border of two codes may fall to either side in float32.
    for (const [i, value] of wanted.entries())
      assert.ok(Math.abs(Number(found[i]) - value) <= 0.01 * largest, `${found[i]} for ${value}`);
  }
});

test('a row gives the same bytes alone and beside any others', async () => {
  const rows = [row(3), row(0), Array.from({ length: INPUTS }, () => 0), row(2)];
  const together = await products(rows);
  for (const [i, alone] of rows.entries())
    assert.deepEqual(together.slice(i * OUTPUTS, (i + 1) * OUTPUTS), await products([alone]));
});

test('a row of zeros gives zeros, and no rows give none', async () => {
  // Of either sign, which the next addition forgets.
  const zeros = await products([Array.from({ length: INPUTS }, () => 0)]);
  assert.equal(zeros.length, OUTPUTS);
  assert.ok(zeros.every((value) => value === 0));
  assert.deepEqual(await products([]), []);
});

test('a processor that overflows is refused by name', async () => {
  const sum = await largestSum(runtime);
  assert.ok(Number.isFinite(sum));
  const exact = 256 * 127 * 127;
  assert.equal(isExactSum(exact), true);
  assert.doesNotThrow(() => assertExactProducts('models/fm', exact));
  // Pairs of 255 * 127 stop at 32,767 where they are added in 16 bits.
  const saturated = (256 / 2) * 32_767 - 128 * 127 * 256;
  assert.throws(() => assertExactProducts('models/fm', saturated), /models\/fm: precision int8/);
});
