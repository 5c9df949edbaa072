import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { GraphSignature } from '../../shared/model/signature.ts';
import { createGraph } from '../../worker/onnx/graph.ts';
import { bytes, float, integer, message, text } from '../../worker/onnx/protobuf.ts';
import { startRuntime } from '../../worker/session/runtime.ts';
import { openGraph } from '../../worker/session/session.ts';
import { temporaryFolder } from '../support/exported.ts';
import { floatTensor } from '../support/fmFeeds.ts';

test('fields are encoded as the protobuf guide shows them', () => {
  assert.deepEqual([...integer(1, 150)], [0x08, 0x96, 0x01]);
  assert.deepEqual([...text(2, 'testing')], [0x12, 7, 0x74, 0x65, 0x73, 0x74, 0x69, 0x6e, 0x67]);
  assert.deepEqual([...bytes(3, integer(1, 150))], [0x1a, 3, 0x08, 0x96, 0x01]);
  assert.deepEqual([...integer(1, -2)], [0x08, 0xfe, ...Array(8).fill(0xff), 0x01]);
  assert.deepEqual([...float(2, 1)], [0x15, 0, 0, 0x80, 0x3f]);
  assert.deepEqual([...integer(20, 1)], [0xa0, 0x01, 0x01]);
  assert.deepEqual([...message(integer(1, 1), integer(2, 2))], [8, 1, 16, 2]);
});

const signature: GraphSignature = {
  inputs: [{ name: 'x', type: 'float32', dims: ['N', 2] }],
  outputs: [{ name: 'y', type: 'float32', dims: ['N', 3] }],
};

test('a graph names what is used twice, unknown or forgotten', () => {
  const graph = createGraph('g', signature);
  graph.node('/a/relu', 'Relu', [graph.input('x')]);
  assert.throws(() => graph.node('/a/relu', 'Relu', [graph.input('x')]), /\/a\/relu is used twice/);
  assert.throws(() => graph.input('z'), /no input z/);
  assert.throws(() => graph.output('z', graph.input('x')), /no output z/);
  assert.throws(() => graph.encode(), /output y was never set/);
});

test('weights are read from the file beside the graph, at odd offsets and in each type', async (t) => {
  const folder = await temporaryFolder();
  const runtime = startRuntime({ threads: 1 });
  t.after(async () => {
    await runtime.close();
    await rm(folder, { recursive: true });
  });
  // (3, 2), PyTorch's layout: small integers, exact in every type.
  const values = [1, 2, 3, 4, -5, 6];
  const stored = {
    float32: new Uint8Array(Float32Array.from(values).buffer),
    float16: new Uint8Array(Uint16Array.of(0x3c00, 0x4000, 0x4200, 0x4400, 0xc500, 0x4600).buffer),
    bfloat16: new Uint8Array(
      Uint16Array.from(values, (value) => new Uint32Array(Float32Array.of(value).buffer)[0]! >>> 16)
        .buffer,
    ),
  };
  for (const [type, data] of Object.entries(stored) as ['float32', Uint8Array][]) {
    const offset = 13;
    await writeFile(join(folder, 'w.bin'), Buffer.concat([Buffer.alloc(offset), data]));
    const graph = createGraph('g', signature);
    const place = { file: 'w.bin', offset, length: data.length };
    const weight = graph.external({ name: 'w', type, dims: [3, 2], ...place });
    assert.equal(graph.external({ name: 'w', type, dims: [3, 2], ...place }), weight);
    graph.output(
      'y',
      graph.node('/y/MatMul', 'FusedMatMul', [graph.input('x'), weight], { transB: 1 }),
    );
    await writeFile(join(folder, `${type}.onnx`), graph.encode());
    const session = await openGraph(runtime, type, join(folder, `${type}.onnx`), signature);
    const { y } = await session.run({ x: floatTensor(Float32Array.of(1, 1, 10, 0), [2, 2]) });
    assert.deepEqual([...y!.data].map(Number), [3, 7, 1, 10, 30, -50], type);
    const none = await session.run({ x: floatTensor(new Float32Array(), [0, 2]) });
    assert.deepEqual(none.y!.dims, [0, 3]);
  }
});
