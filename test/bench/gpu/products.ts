/** The rate of bare matrix products on a device, beside which everything else is seen. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createGraph, type GraphBuilder, type Value } from '../../../worker/onnx/graph.ts';
import { ELEMENT_TYPES } from '../../../worker/onnx/model.ts';
import type { Device } from '../../../worker/session/devices.ts';
import { startRuntime } from '../../../worker/session/runtime.ts';
import { openGraph } from '../../../worker/session/session.ts';
import { type GpuOptions, type GpuPart, medianSeconds } from './randomModel.ts';

/** Width of square matrices, and how many products follow each other. */
const shapeOf = (device: Device) =>
  device.kind === 'cpu' ? { width: 512, products: 4 } : { width: 8192, products: 8 };

const signature = {
  inputs: [{ name: 'x', type: 'float32' as const, dims: [1, 1] as const }],
  outputs: [{ name: 'sum', type: 'float32' as const, dims: [1, 1] as const }],
};

/** `((x * ones) @ (x * ones)) @ ...`, all made on the device, of which one number comes back. */
function chain(width: number, products: number, halves: boolean): GraphBuilder {
  const graph = createGraph('products', signature);
  const cast = (name: string, x: Value, to: 'float16' | 'float32') =>
    halves ? graph.node(name, 'Cast', [x], { to: ELEMENT_TYPES[to] }) : x;
  const x = cast('/x', graph.input('x'), 'float16');
  const matrix = graph.node('/matrix', 'Expand', [x, graph.int64([width, width])]);
  let product = matrix;
  for (let i = 0; i < products; i++)
    product = graph.node(`/product.${i}`, 'FusedMatMul', [product, matrix], {
      transB: 1,
      alpha: { float: 1 / width },
    });
  const some = graph.node('/some', 'Slice', [
    product,
    graph.int64([0, 0]),
    graph.int64([1, 1]),
    graph.int64([0, 1]),
  ]);
  graph.output('sum', cast('/some/wide', some, 'float32'));
  return graph;
}

/** Operations a second. */
export async function productRate(options: GpuOptions, halves: boolean): Promise<number> {
  const { width, products } = shapeOf(options.device);
  const file = join(options.folder, `products-${halves}.onnx`);
  await writeFile(file, chain(width, products, halves).encode());
  const runtime = startRuntime({ device: options.device });
  try {
    const graph = await openGraph(runtime, 'products', file, signature);
    const feeds = { x: { type: 'float32' as const, dims: [1, 1], data: Float32Array.of(1) } };
    const seconds = await medianSeconds(() => graph.run(feeds), { seconds: 3 });
    return (products * 2 * width ** 3) / seconds;
  } finally {
    await runtime.close();
  }
}

export const productRows: GpuPart = async function* (options) {
  for (const precision of options.precisions) {
    const rate = await productRate(options, precision === 'fp16');
    yield {
      name: `products_tflops_${precision}`,
      value: rate / 1e12,
      unit: '',
      what: `1e12 operations a second in square products of ${shapeOf(options.device).width}`,
    };
  }
};
