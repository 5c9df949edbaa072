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
