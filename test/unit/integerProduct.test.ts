/** Products in 8 bits against the same arithmetic in double precision, alone and beside other rows. */
import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { GraphForm } from '../../shared/model/graphForms.ts';
import {
  integerProduct,
  quantizeRows,
  weightCodes,
} from '../../worker/export/blocks/integerProduct.ts';
import { rootModule } from '../../worker/export/module.ts';
import type { Weights } from '../../worker/export/weights.ts';
import { createGraph, type ExternalTensor } from '../../worker/onnx/graph.ts';
import { CPU } from '../../worker/session/devices.ts';
import { formFor, integerForm } from '../../worker/session/graphForm.ts';
import { isExactSum, largestSum } from '../../worker/session/integerProducts.ts';
import { type Runtime, startRuntime } from '../../worker/session/runtime.ts';
import { openGraph } from '../../worker/session/session.ts';
import { temporaryFolder } from '../support/exported.ts';
import { withoutExactProducts } from '../support/integerProducts.ts';

const INPUTS = 40;
const OUTPUTS = 7;
const signature = {
  inputs: [
    { name: 'x', type: 'float32' as const, dims: [1, 'rows', INPUTS] as const },
    { name: 'scales', type: 'float32' as const, dims: [OUTPUTS] as const },
  ],
  outputs: [{ name: 'y', type: 'float32' as const, dims: [1, 'rows', OUTPUTS] as const }],
};

let folder: string;
let runtime: Runtime;
let skip: string | undefined;

before(async () => {
  folder = await temporaryFolder();
  await writeFile(join(folder, FILE), weight);
  runtime = startRuntime({ threads: 1 });
  skip = await withoutExactProducts();
});
after(async () => {
  await runtime.close();
  await rm(folder, { recursive: true, force: true });
});

/** From -127 to 127. */
const weight = Int8Array.from({ length: INPUTS * OUTPUTS }, (_, i) =>
  Math.round(Math.sin(i * 12.9898) * 127),
);
const FILE = 'weights.bin';
const CODES: ExternalTensor = {
  name: 'codes',
  type: 'int8',
  dims: [INPUTS, OUTPUTS],
  file: FILE,
  offset: 0,
  length: weight.length,
};
const scales = Float32Array.from({ length: OUTPUTS }, (_, i) => 0.01 * (i + 1));
/** Rows of sizes far apart: one scale for all of them would leave nothing of the small ones. */
const row = (seed: number): number[] =>
  Array.from({ length: INPUTS }, (_, i) =>
    Math.fround(10 ** (seed - 2) * Math.cos(i * 7.1 + seed)),
  );

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

/** Products of rows with the weights, in a form of graphs. */
async function openProducts(form: GraphForm) {
  const builder = createGraph('product', signature);
  // The module asks for no weight here.
  const weights = { form, scope: () => weights } as unknown as Weights;
  const module = rootModule(builder, weights);
  const codes = weightCodes(module, CODES);
  const rows = quantizeRows(module, builder.input('x'), INPUTS);
  builder.output('y', integerProduct(module, rows, codes, builder.input('scales')));
  const file = join(folder, `${form}.onnx`);
  await writeFile(file, builder.encode());
  const graph = await openGraph(runtime, form, file, signature);
  return async (rows: readonly (readonly number[])[]): Promise<number[]> => {
    const { y } = await graph.run({
      x: {
        type: 'float32',
        dims: [1, rows.length, INPUTS],
        data: Float32Array.from(rows.flat()),
      },
      scales: { type: 'float32', dims: [OUTPUTS], data: scales },
    });
    assert.deepEqual(y?.dims, [1, rows.length, OUTPUTS]);
    return Array.from(y?.data as Float32Array);
  };
}

for (const form of ['plain', 'unsigned'] as const)
  describe(`products of form ${form}`, () => {
    let products: Awaited<ReturnType<typeof openProducts>>;
    before(async () => {
      products = await openProducts(form);
    });

    test('each row is quantized by its own scale', async (t) => {
      if (form === 'plain' && skip) return t.skip(skip);
      for (const seed of [0, 1, 2, 3]) {
        const found = await products([row(seed)]);
        const wanted = expected(row(seed));
        const largest = Math.max(...wanted.map(Math.abs));
        // A quotient at the border of two codes may fall to either side in float32.
        for (const [i, value] of wanted.entries())
          assert.ok(
            Math.abs(Number(found[i]) - value) <= 0.01 * largest,
            `${found[i]} for ${value}`,
          );
      }
    });

    test('a row gives the same bytes alone and beside any others', async (t) => {
      if (form === 'plain' && skip) return t.skip(skip);
      const rows = [row(3), row(0), Array.from({ length: INPUTS }, () => 0), row(2)];
      const together = await products(rows);
      for (const [i, alone] of rows.entries())
        assert.deepEqual(together.slice(i * OUTPUTS, (i + 1) * OUTPUTS), await products([alone]));
    });

    test('a row of zeros gives zeros, and no rows give none', async (t) => {
      if (form === 'plain' && skip) return t.skip(skip);
      // Of either sign, which the next addition forgets.
      const zeros = await products([Array.from({ length: INPUTS }, () => 0)]);
      assert.equal(zeros.length, OUTPUTS);
      assert.ok(zeros.every((value) => value === 0));
      assert.deepEqual(await products([]), []);
    });
  });

test('both forms give the same bytes', async (t) => {
  if (skip) return t.skip(skip);
  const rows = [0, 1, 2, 3].map(row);
  const [plain, unsigned] = [await openProducts('plain'), await openProducts('unsigned')];
  assert.deepEqual(await plain(rows), await unsigned(rows));
});

test('the form is found once, and not anew for every model', async () => {
  const manifest = { precision: 'int8' as const, unsigned_graphs: {} };
  const form = skip ? 'unsigned' : 'plain';
  assert.equal(await formFor(runtime, 'models/fm', manifest, CPU), form);
  const idle: Runtime = { ...runtime, request: () => Promise.reject(new Error('asked again')) };
  assert.equal(await formFor(idle, 'models/other', manifest, CPU), form);
});

test('unsigned weights are multiplied exactly here', async () => {
  assert.equal(isExactSum(await largestSum(runtime, 'unsigned')), true);
});

describe('a processor that overflows', () => {
  const exact = 256 * 127 * 127;
  // Pairs of 255 * 127 stop at 32,767 where they are added in 16 bits.
  const saturated = (256 / 2) * 32_767 - 128 * 127 * 256;
  const sums = (plain: number, unsigned: number) => async (form: GraphForm) =>
    form === 'plain' ? plain : unsigned;

  test('is found out by a product of the largest codes', () => {
    assert.equal(isExactSum(exact), true);
    assert.equal(isExactSum(saturated), false);
  });

  test('takes unsigned weights, and another one does not', async () => {
    assert.equal(await integerForm('models/fm', true, sums(exact, exact)), 'plain');
    assert.equal(await integerForm('models/fm', true, sums(saturated, exact)), 'unsigned');
  });

  test('is refused by name where an export has none, or they overflow as well', async () => {
    const refused = (hasUnsigned: boolean, unsigned: number, message: RegExp) =>
      assert.rejects(integerForm('models/fm', hasUnsigned, sums(saturated, unsigned)), message);
    await refused(false, exact, /models\/fm: precision int8 .* export the checkpoint again/);
    await refused(true, saturated, /models\/fm: precision int8 .* int4 or fp16/);
  });
});
