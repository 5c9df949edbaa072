/**
 * Which nodes of the demo model's graphs onnxruntime's CUDA provider has kernels for. It computes a node that it
 * has none for on the CPU, and copies what the node reads and gives. Sizes and positions it computes there on
 * its own account, whatever kernels there are: no rule of ours is needed for these.
 */
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { describeCheckpoint } from '../../worker/export/describe/describe.ts';
import { buildGraphs } from '../../worker/export/graphs.ts';
import { openModel } from '../../worker/export/openModel.ts';
import { planWritten } from '../../worker/export/weightPlan.ts';
import { openWeights } from '../../worker/export/weights.ts';
import { CUDA_OPSET, OPSET, type Opset } from '../../worker/onnx/model.ts';
import { hasKernel } from '../support/cudaKernels.ts';
import { demoSource, skipWithoutDemo } from '../support/demoSet.ts';
import { typedNodes } from '../support/graphTypes.ts';

interface Lacking {
  readonly operator: string;
  readonly text: string;
}

/** Nodes without a kernel, of all graphs of the demo model. */
async function lacking(
  halves: boolean,
  opset: Opset,
): Promise<{ all: number; without: Lacking[] }> {
  const source = demoSource() ?? '';
  const without: Lacking[] = [];
  let all = 0;
  for (const file of await readdir(source)) {
    if (!file.endsWith('.safetensors')) continue;
    const checkpoint = await openModel(join(source, file));
    try {
      const described = await describeCheckpoint(checkpoint, {});
      const precision = halves ? 'fp16' : 'fp32';
      const weights = await openWeights(
        [checkpoint],
        precision,
        planWritten(),
        halves ? 'half' : 'plain',
      );
      for (const [graph, builder] of Object.entries(buildGraphs(described, weights)))
        for (const { node, inputs } of typedNodes(builder.content())) {
          const operator = node.domain === '' ? node.type : `${node.domain}.${node.type}`;
          all += 1;
          if (!hasKernel(operator, opset, inputs))
            without.push({
              operator,
              text: `${file} ${graph} ${operator} ${node.name} (${inputs})`,
            });
        }
    } finally {
      await checkpoint.close();
    }
  }
  return { all, without };
}

describe('kernels of the CUDA provider', { skip: skipWithoutDemo() }, () => {
  test('there is one for every node of the graphs that compute in 16 bits', async (t) => {
    const { all, without } = await lacking(true, CUDA_OPSET);
    t.diagnostic(`${all} nodes`);
    assert.ok(all > 0);
    assert.deepEqual(
      without.map(({ text }) => text),
      [],
    );
  });

  test('of the graphs in fp32, which are those of CPUs, these operators have none', async (t) => {
    const { all, without } = await lacking(false, OPSET);
    t.diagnostic(`${without.length} of ${all} nodes`);
    const operators = new Set(without.map(({ operator }) => operator));
    assert.deepEqual([...operators].sort(), ['Equal', 'EyeLike', 'Pad', 'ReduceMax', 'ReduceMin']);
  });

  test('a kernel serves its own version, or all in its range, and its types alone', () => {
    assert.ok(hasKernel('Pad', CUDA_OPSET, ['float32', 'int64']));
    assert.ok(!hasKernel('Pad', OPSET, ['float32', 'int64']));
    assert.ok(!hasKernel('Pad', CUDA_OPSET, ['int64', 'int64']));
    assert.ok(hasKernel('Conv', CUDA_OPSET, ['float16', 'float16']));
    assert.ok(!hasKernel('MatMulNBits', CUDA_OPSET, ['float32']));
  });
});
