/**
 * Whether this processor multiplies 8-bit integers exactly. Without VNNI (on x86) the runtime adds pairs
 * of products in 16 bits, which overflow silently: a model in 8 bits then answers wrong tokens. A product
 * of the largest codes tells, whatever the processor calls its features.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createGraph } from '../onnx/graph.ts';
import type { Runtime } from './runtime.ts';
import { SessionError } from './types.ts';

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
function productGraph(): Uint8Array {
  const graph = createGraph(GRAPH, signature);
  const codes = graph.node('/codes', 'QuantizeLinear', [
    graph.input('codes'),
    graph.float32(1),
    graph.uint8(0),
  ]);
  const weights = graph.node('/weights', 'QuantizeLinear', [
    graph.float32(Array.from({ length: WIDTH }, () => LARGEST_WEIGHT)),
    graph.float32(1),
    graph.int8(0),
  ]);
  const matrix = graph.node('/matrix', 'Unsqueeze', [weights, graph.int64([1])]);
  const sums = graph.node('/product', 'MatMulIntegerToFloat', [
    codes,
    matrix,
    graph.float32(1),
    graph.float32(1),
    graph.uint8(MIDDLE),
  ]);
  graph.output('sums', sums);
  return graph.encode();
}

/** True when the sum of the largest products is right. */
export const isExactSum = (sum: number): boolean =>
  sum === WIDTH * (LARGEST_CODE - MIDDLE) * LARGEST_WEIGHT;

/** What the runtime makes of the largest products on this processor. */
export async function largestSum(runtime: Runtime): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), '4m-integers-'));
  try {
    const file = join(folder, 'product.onnx');
    await writeFile(file, productGraph());
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

/**
 * @param model names what is refused
 * @throws SessionError where a sum of 8-bit products is wrong on this processor
 */
export function assertExactProducts(model: string, sum: number): void {
  if (isExactSum(sum)) return;
  throw new SessionError(
    `${model}: precision int8 gives wrong results on this processor, which adds 8-bit products in 16 bits ` +
      '(it lacks VNNI); export the checkpoint with --precision int4 or fp16',
  );
}
