/** A graph that is run in parts gives what the whole gives, and leaves no file. */
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { encoderFeeds } from '../../worker/compare/fmFeeds.ts';
import { floats, relativeError } from '../../worker/compare/tensors.ts';
import { describeCheckpoint } from '../../worker/export/describe/describe.ts';
import { buildGraphs } from '../../worker/export/graphs.ts';
import { openModel } from '../../worker/export/openModel.ts';
import { linkedFiles, planInPlace } from '../../worker/export/weightPlan.ts';
import { openWeights } from '../../worker/export/weights.ts';
import { createGraph } from '../../worker/onnx/graph.ts';
import { splitGraph } from '../../worker/onnx/split.ts';
import { openParts } from '../../worker/session/parts.ts';
import { startRuntime } from '../../worker/session/runtime.ts';
import { exportedFm } from '../support/exported.ts';
import { folderOfEachTest } from '../support/exportTiny.ts';
import { tinyFm, writeTiny } from '../support/tinyModel.ts';

const folder = folderOfEachTest();

test('no part of a large export stays in its folder, whether its run succeeds or fails', async () => {
  const file = join(folder.path, 'tiny.safetensors');
  await writeTiny(file, tinyFm());
  const whole = await exportedFm(file);
  const runtime = startRuntime({ threads: 1 });
  const checkpoint = await openModel(file);
  try {
    const described = await describeCheckpoint(checkpoint, {});
    const weights = await openWeights([checkpoint], 'fp32', planInPlace(linkedFiles([checkpoint])));
    const graph = buildGraphs(described, weights).encoder;
    assert.ok(graph);
    const home = join(whole.folder, 'model');
    const before = await readdir(home);
    const parts = openParts(runtime, home, graph.content(), 500);
    const { feeds } = encoderFeeds(whole.manifest, [
      { caption: { content: [3, 9, 1], positions: [0, 1, 2] } },
    ]);
    const error = relativeError(
      floats(await parts.run(feeds), 'features').data,
      floats(await whole.encoder.run(feeds), 'features').data,
    );
    assert.ok(error < 1e-6, `error ${error.toExponential(2)} of the scale`);
    assert.deepEqual(await readdir(home), before);
    const { mask: _, ...incomplete } = feeds;
    await assert.rejects(parts.run(incomplete), /input mask is missing/);
    assert.deepEqual(await readdir(home), before);
  } finally {
    await checkpoint.close();
    await runtime.close();
    await whole.close();
  }
});

test('codes of 8 bits stay in the part in which they are read, as parts hand on no such values', () => {
  const signature = {
    inputs: [{ name: 'x', type: 'float32' as const, dims: [1, 4] as const }],
    outputs: [{ name: 'y', type: 'float32' as const, dims: [1, 4] as const }],
  };
  const graph = createGraph('coded', signature);
  const scaled = graph.node('/before/scaled', 'Mul', [graph.input('x'), graph.float32(2)]);
  const codes = graph.node('/rows/codes', 'QuantizeLinear', [
    scaled,
    graph.float32(1),
    graph.uint8(128),
  ]);
  const read = (place: string) =>
    graph.node(`/${place}/values`, 'DequantizeLinear', [codes, graph.float32(3), graph.uint8(128)]);
  graph.output('y', graph.node('/after/sum', 'Add', [read('first'), read('second')]));
  const parts = splitGraph(graph.content(), 1);
  assert.ok(parts.length > 1);
  for (const { inputs } of parts) assert.ok(!inputs.includes(codes), inputs.join());
});
