/** What stands for minus infinity in a graph is within the range of 16 bits, so that no precision overflows. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeCheckpoint } from '../../worker/export/describe/describe.ts';
import { buildGraphs } from '../../worker/export/graphs.ts';
import { linkedFiles, planInPlace } from '../../worker/export/weightPlan.ts';
import { openWeights } from '../../worker/export/weights.ts';
import { openCheckpoint } from '../../worker/safetensors/checkpoint.ts';
import { REPOSITORY } from '../support/shared.ts';

/** The largest number of IEEE 754 half precision. */
const LARGEST_HALF = 65504;

for (const name of ['fm_gelu_bias', 'fm_register_shared'])
  test(`constants of all graphs of ${name}`, async () => {
    const checkpoint = await openCheckpoint(`${REPOSITORY}/test/cases/${name}/weights.safetensors`);
    try {
      const described = await describeCheckpoint(checkpoint, {}, undefined);
      const plan = planInPlace(linkedFiles([checkpoint]));
      const graphs = buildGraphs(described, await openWeights([checkpoint], 'fp32', plan));
      let constants = 0;
      for (const [graphName, graph] of Object.entries(graphs))
        for (const [constant, { type, data }] of graph.content().initializers) {
          if (type !== 'float32' || !('raw' in data)) continue;
          const values = new Float32Array(data.raw.slice().buffer);
          constants += values.length;
          const beyond = values.find((value) => Math.abs(value) > LARGEST_HALF);
          assert.equal(beyond, undefined, `${graphName}: ${constant}`);
        }
      assert.ok(constants > 5, `${constants} constants were looked at`);
    } finally {
      await checkpoint.close();
    }
  });
