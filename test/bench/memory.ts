/** Does memory stay flat over many generations? On the demo model, through the whole generate task. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { demoModelFolder, repositoryRoot } from '../../infra/stack.ts';
import { generateRequestSchema } from '../../shared/api/generate.ts';
import { exportSet } from '../../worker/export/exportSet.ts';
import { loadModelSet } from '../../worker/session/loadModels.ts';
import { runGenerate } from '../../worker/tasks/generate.ts';
import { serveModel } from '../../worker/tasks/servedModel.ts';
import type { BenchRow } from './main.ts';

const WARM_UP = 200;
const GENERATIONS = 1000;

export async function memoryRows(): Promise<BenchRow[]> {
  const folder = await mkdtemp(join(tmpdir(), '4m-bench-memory-'));
  try {
    await exportSet(demoModelFolder, join(folder, 'demo'));
    const loaded = await loadModelSet(join(folder, 'demo'), { threads: 2 });
    const model = await serveModel(loaded);
    const picture = await readFile(join(repositoryRoot, 'examples', 'scene-1.png'));
    const requests = [
      { inputs: { rgb: { data: picture.toString('base64') } }, targets: ['depth', 'caption'] },
      { inputs: { caption: 'a red sphere' }, targets: [{ modality: 'rgb', steps: 4 }] },
    ].map((body) => generateRequestSchema.parse(body));
    const run = async (count: number) => {
      for (let i = 0; i < count; i++)
        await runGenerate({ id: 'id', seed: i, request: requests[i % requests.length]! }, model);
      global.gc?.();
      return process.memoryUsage().rss;
    };
    const before = await run(WARM_UP);
    const after = await run(GENERATIONS);
    await loaded.close();
    return [
      {
        name: 'memory_after_1000_ratio',
        value: after / before,
        unit: 'x',
        what: `resident memory after ${GENERATIONS} generations to that before`,
      },
    ];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
