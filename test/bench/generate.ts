/** What a caller waits for, end to end through edge and worker, as ratios to the simplest request. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { repositoryRoot, startStack } from '../../infra/stack.ts';
import type { GenerateRequestBody } from '../../shared/api/generate.ts';
import { createClient } from '../../shared/client/index.ts';
import type { BenchRow } from './main.ts';

const ROUNDS = 15;

const median = (values: number[]): number =>
  values.sort((a, b) => a - b)[Math.floor(values.length / 2)]!;

export async function bench(): Promise<BenchRow[]> {
  const dataFolder = await mkdtemp(join(tmpdir(), '4m-bench-'));
  const stack = await startStack({ port: 0, dataFolder });
  try {
    const client = createClient({ baseUrl: stack.url });
    const picture = await readFile(join(repositoryRoot, 'examples', 'scene-1.png'));
    const rgb = `data:image/png;base64,${picture.toString('base64')}`;
    let seed = 0;
    const time = async (request: GenerateRequestBody, fresh: boolean): Promise<number> => {
      const begin = performance.now();
      await client.generate(fresh ? { ...request, seed: ++seed } : request);
      return performance.now() - begin;
    };
    const cases = {
      one: { inputs: { rgb }, targets: ['depth'] },
      three: { inputs: { rgb }, targets: ['depth', 'normal', 'semseg'], chained: false },
      text: { inputs: { rgb }, targets: ['caption'] },
      paint: { inputs: { caption: 'a red sphere left of a blue box' }, targets: ['rgb'] },
    } satisfies Record<string, GenerateRequestBody>;
    await time({ ...cases.one, seed: 0 }, false);
    const samples = { one: [], three: [], text: [], paint: [], hit: [] } as Record<
      keyof typeof cases | 'hit',
      number[]
    >;
    // Interleaved, so that a slow moment of the machine touches all cases alike.
    for (let round = 0; round < ROUNDS; round++) {
      for (const name of Object.keys(cases) as (keyof typeof cases)[]) {
        samples[name].push(await time(cases[name], true));
      }
      samples.hit.push(await time({ ...cases.one, seed: 0 }, false));
    }
    const one = median(samples.one);
    return [
      { name: 'rgb_to_depth_ms', value: one, unit: 'ms', what: 'rgb -> depth, one step, median' },
      {
        name: 'stored_result_ratio',
        value: median(samples.hit) / one,
        unit: 'x',
        what: 'the same request again, from the store',
      },
      {
        name: 'three_targets_ratio',
        value: median(samples.three) / one,
        unit: 'x',
        what: 'rgb -> depth, normal and semseg, unchained',
      },
      {
        name: 'caption_ratio',
        value: median(samples.text) / one,
        unit: 'x',
        what: 'rgb -> caption, autoregressive',
      },
      {
        name: 'caption_to_rgb_ratio',
        value: median(samples.paint) / one,
        unit: 'x',
        what: 'caption -> rgb, default steps and guidance',
      },
    ];
  } finally {
    await stack.close();
    await rm(dataFolder, { recursive: true, force: true });
  }
}
