/** How close an encoder pass comes to its bare matrix products, on the same weights and threads. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type FmManifest, fmManifestSchema } from '../../shared/model/manifest.ts';
import { encoderFeeds, range } from '../../worker/compare/fmFeeds.ts';
import { hiddenSize } from '../../worker/export/blocks/mlp.ts';
import { linkedFiles, planInPlace } from '../../worker/export/weightPlan.ts';
import { openWeights } from '../../worker/export/weights.ts';
import { createGraph, type Value } from '../../worker/onnx/graph.ts';
import { openCheckpoint } from '../../worker/safetensors/checkpoint.ts';
import { loadModel } from '../../worker/session/loadModels.ts';
import { startRuntime } from '../../worker/session/runtime.ts';
import { openGraph } from '../../worker/session/session.ts';
import type { Tensor } from '../../worker/session/types.ts';
import type { BenchRow } from './main.ts';

const TOKENS = 196;
const ROUNDS = 12;

/** The products of the encoder with its weights and nothing else, each an output of its own. */
async function bareGraph(checkpointFile: string, { config }: FmManifest) {
  const checkpoint = await openCheckpoint(checkpointFile);
  const weights = await openWeights([checkpoint], 'fp32', planInPlace(linkedFiles([checkpoint])));
  const { dim } = config;
  const hidden = hiddenSize(dim, config.mlp_ratio, config.gated_mlp);
  const names = [
    ...Array.from({ length: config.encoder_depth }, (_, i) => [
      [`encoder.${i}.attn.qkv.weight`, 3 * dim, dim],
      [`encoder.${i}.attn.proj.weight`, dim, dim],
      [`encoder.${i}.mlp.fc1.weight`, hidden, dim],
      [`encoder.${i}.mlp.fc3.weight`, hidden, dim],
      [`encoder.${i}.mlp.fc2.weight`, dim, hidden],
    ]).flat(),
    ['encoder_embeddings.rgb@224.proj.weight', dim, 768],
    ['decoder_proj_context.weight', dim, dim],
  ] as [string, number, number][];
  const input = (size: number) => ({
    name: `x${size}`,
    type: 'float32' as const,
    dims: [1, TOKENS, size],
  });
  const signature = {
    inputs: [...new Set(names.map(([, , inputs]) => inputs))].map(input),
    outputs: names.map(([name, outputs]) => ({
      name,
      type: 'float32' as const,
      dims: [1, TOKENS, outputs],
    })),
  };
  const graph = createGraph('bare products', signature);
  for (const [name, outputs, inputs] of names) {
    const weight = graph.external(weights.tensor(name, [outputs, inputs]));
    const x: Value = graph.input(`x${inputs}`);
    graph.output(name, graph.node(`/${name}/MatMul`, 'FusedMatMul', [x, weight], { transB: 1 }));
  }
  await checkpoint.close();
  return { graph, signature };
}

/** @param path the exported model, in `folder` */
export async function encoderRows(
  folder: string,
  path: string,
  checkpointFile: string,
  threads: number,
): Promise<BenchRow[]> {
  const runtime = startRuntime({ threads });
  try {
    const { manifest, graphs } = await loadModel<FmManifest>(
      runtime,
      folder,
      path,
      fmManifestSchema,
    );
    const { graph, signature } = await bareGraph(checkpointFile, manifest);
    const file = join(folder, path, 'bare.onnx');
    await writeFile(file, graph.encode());
    const bare = await openGraph(runtime, 'bare', file, signature);
    const pixels = range(TOKENS).map(() =>
      Float32Array.from({ length: 768 }, (_, i) => Math.sin(i)),
    );
    const { feeds } = encoderFeeds(manifest, [
      { 'rgb@224': { content: pixels, positions: range(TOKENS) } },
    ]);
    const inputs = Object.fromEntries(
      signature.inputs.map(({ name, type, dims }): [string, Tensor] => [
        name,
        { type, dims, data: new Float32Array(dims.reduce((a, b) => a * b, 1)).fill(0.1) },
      ]),
    );
    const times: { whole: number[]; products: number[] } = { whole: [], products: [] };
    const time = async (run: () => Promise<unknown>) => {
      const started = performance.now();
      await run();
      return performance.now() - started;
    };
    for (let round = 0; round < ROUNDS; round++) {
      times.whole.push(await time(() => graphs.encoder.run(feeds, ['context'])));
      times.products.push(await time(() => bare.run(inputs, [signature.outputs[0]!.name])));
    }
    const best = (list: number[]) => Math.min(...list);
    const flops = signature.outputs.reduce((sum, { dims }, i) => {
      const width = i % 5 === 4 && i < 60 ? 2048 : 768;
      return sum + 2 * TOKENS * (dims[2] as number) * width;
    }, 0);
    return [
      {
        name: 'encoder_matmul_fraction',
        value: best(times.products) / best(times.whole),
        unit: 'x',
        what: 'bare matrix products to a whole encoder pass of 196 tokens',
      },
      {
        name: 'encoder_matmul_gigaflops_per_second',
        value: flops / best(times.products) / 1e6,
        unit: '',
        what: `1e9 operations a second in the bare products, ${threads} threads`,
      },
    ];
  } finally {
    await runtime.close();
  }
}
