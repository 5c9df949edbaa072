/**
 * Which products of 8-bit integers this processor computes exactly. Without VNNI (on x86) the runtime adds pairs
 * of products with signed weights in 16 bits, which overflow silently: a model would answer wrong tokens. With
 * unsigned weights it widens them first, which takes longer and is exact. A product of the largest codes tells,
 * whatever the processor calls its features.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { GraphForm } from '../../shared/model/graphForms.ts';
import { createGraph } from '../onnx/graph.ts';
import type { Runtime } from './runtime.ts';

/** Products in one sum: enough for every width of the processor's instructions. */
const WIDTH = 256;
const LARGEST_CODE = 255;
const LARGEST_WEIGHT = 127;
const MIDDLE = 128;
const GRAPH = 'integer products';

const signature = {
  inputs: [{ name: 'codes', type: 'float32' as const, dims: ['rows', WIDTH] as const }],
  outputs: [{ name: 'sums', type: 'float32' as const, dims: ['rows', 1] as const }],
};

/** `(codes - 128) @ weights`, in the operators of `export/blocks/integerProduct.ts`. */
function productGraph(form: GraphForm): Uint8Array {
  const graph = createGraph(GRAPH, signature);
  const codes = graph.node('/codes', 'QuantizeLinear', [
    graph.input('codes'),
    graph.float32(1),
    graph.uint8(0),
  ]);
  const isUnsigned = form === 'unsigned';
  const zero = isUnsigned ? graph.uint8(MIDDLE) : graph.int8(0);
  const weights = graph.node('/weights', 'QuantizeLinear', [
    graph.float32(Array.from({ length: WIDTH }, () => LARGEST_WEIGHT)),
    graph.float32(1),
    zero,
  ]);
  const matrix = graph.node('/matrix', 'Unsqueeze', [weights, graph.int64([1])]);
  const sums = graph.node('/product', 'MatMulIntegerToFloat', [
    codes,
    matrix,
    graph.float32(1),
    graph.float32(1),
    graph.uint8(MIDDLE),
    ...(isUnsigned ? [zero] : []),
  ]);
  graph.output('sums', sums);
  return graph.encode();
}

/** True when the sum of the largest products is right. */
export const isExactSum = (sum: number): boolean =>
  sum === WIDTH * (LARGEST_CODE - MIDDLE) * LARGEST_WEIGHT;

/** What the runtime makes of the largest products on this processor, in a form of graphs. */
export async function largestSum(runtime: Runtime, form: GraphForm): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), '4m-integers-'));
  try {
    const file = join(folder, 'product.onnx');
    await writeFile(file, productGraph(form));
    await runtime.request({ kind: 'load', graph: GRAPH, file, transient: true });
    const data = new Float32Array(WIDTH).fill(LARGEST_CODE);
    const result = await runtime.request({
      kind: 'run',
      graph: GRAPH,
      feeds: { codes: { type: 'float32', dims: [1, WIDTH], data } },
      outputs: ['sums'],
    });
    await runtime.request({ kind: 'release', graph: GRAPH });
    const sums = result.kind === 'outputs' ? result.tensors.sums : undefined;
    return Number(sums?.data[0] ?? Number.NaN);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
