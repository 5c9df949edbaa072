/**
 * What decoding costs at the size of 4M-B, in fp32 and in 8 bits, beside the straightforward schedule of the
 * reference on the same runtime: every step encodes again, every token of a sequence recomputes its prefix,
 * guidance is a second full pass, and logits come back to be sampled from.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { encoderRows } from './encoderRate.ts';
import { captionBatchRows, captionRows } from './engine/captions.ts';
import { type BenchModels, benchModels } from './engine/models.ts';
import { gainRows, perceptionRows, topPRows } from './engine/predictions.ts';
import { caption, depth, maskgit, takeLowest, takeProcessorTime, three } from './engine/work.ts';
import type { BenchRow } from './main.ts';
import { memoryRows } from './memory.ts';

const THREADS = 2;

/** Each takes at most four minutes on two threads that have nothing else to do. */
const FIGURES: Readonly<Record<string, (models: BenchModels) => Promise<BenchRow[]>>> = {
  caption_256: captionRows,
  caption_256_batch8: captionBatchRows,
  caption_256_int8: gainRows('caption_256', 'rgb -> 256 caption tokens', caption, 4),
  rgb_to_3: perceptionRows,
  rgb_to_depth_int8: gainRows('rgb_to_depth', 'rgb -> depth, a step', depth),
  rgb_to_3_int8: gainRows(
    'rgb_to_3_guided',
    'rgb -> depth, normal, semseg, a step each, guided',
    three(),
  ),
  maskgit8_int8: gainRows('maskgit8_guided', 'rgb -> depth, MaskGIT, 8 guided steps', maskgit, 3),
  top_p: topPRows,
  encoder: async (models) => {
    const { checkpoint, folder, path } = await models.fp32Export();
    return encoderRows(folder, path, checkpoint, THREADS);
  },
  memory: memoryRows,
};

/**
 * `--only NAME,NAME` measures some of the figures; `--data DIR` keeps checkpoint and exports there, and takes
 * those that are there already; `--processor` takes processor time on one thread in place of the clock's on two,
 * for machines that have other work; `--lowest` takes the lowest of the rounds in place of their median, for the same.
 */
export async function bench(): Promise<BenchRow[]> {
  const { values } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: 'boolean' },
      only: { type: 'string' },
      data: { type: 'string' },
      processor: { type: 'boolean' },
      lowest: { type: 'boolean' },
    },
  });
  const names = values.only?.split(',') ?? Object.keys(FIGURES);
  const unknown = names.find((name) => !(name in FIGURES));
  if (unknown !== undefined)
    throw new Error(`no figure ${unknown}; there are ${Object.keys(FIGURES).join(', ')}`);
  const folder = values.data ?? (await mkdtemp(join(tmpdir(), '4m-bench-engine-')));
  await mkdir(folder, { recursive: true });
  if (values.processor) takeProcessorTime();
  if (values.lowest) takeLowest();
  const models = benchModels(folder, values.processor ? 1 : THREADS);
  const rows: BenchRow[] = [];
  try {
    for (const name of names) {
      const own = (await FIGURES[name]?.(models)) ?? [];
      for (const { name: figure, value } of own) console.error(`${figure} ${value.toPrecision(3)}`);
      rows.push(...own);
    }
    return rows;
  } finally {
    await models.close();
    if (values.data === undefined) await rm(folder, { recursive: true, force: true });
  }
}
