/**
 * What a vector costs: a global embedding predicted from a picture in one pass and in several steps, and features of
 * the encoder, of the demo model and of one of the size of 4M-B, in fp32 and in 8 bits; beside a forward pass of
 * ViT-B/14, as which the embedding model itself (DINOv2 B) is built, on the same runtime. Pictures are tensors
 * already; the embedding's tokenizer, whose MLP takes less than a hundredth of the rest, is left out.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { fieldOf, itemAt } from '../../shared/lookup.ts';
import { vitFlops } from './embed/flops.ts';
import { type BenchPrecision, benchedModels, PRECISIONS } from './embed/models.ts';
import { flopsOf, STEPS, WORKS, type WorkName } from './embed/work.ts';
import { sideBySide, takeProcessorTime } from './engine/work.ts';
import type { BenchRow } from './main.ts';

const ROUNDS = 7;
const THREADS = 2;

const WHAT: Readonly<Record<WorkName, string>> = {
  one_pass: 'rgb -> a global embedding, one pass',
  four_steps: `the same in ${STEPS} steps`,
  features: 'rgb -> features of the encoder',
};

/** Rows of one size in one precision, and of the ViT beside it. */
async function rowsOf(
  models: ReturnType<typeof benchedModels>,
  size: 'demo' | 'b',
  precision: BenchPrecision,
): Promise<BenchRow[]> {
  const embedder = await models.embedder(size, precision);
  const vit = size === 'b' ? await models.vit(precision) : undefined;
  const names = Object.keys(WORKS) as WorkName[];
  const works = names.map((name) => () => fieldOf(WORKS, name, 'the works')(embedder));
  const times = await sideBySide([...works, ...(vit ? [vit.run] : [])], ROUNDS);
  await embedder.close();
  await vit?.close();
  const timeOf = (index: number): number => itemAt(times, index, 'times');
  const rows = names.map(
    (name, i): BenchRow => ({
      name: `${size}_${precision}_${name}_ms`,
      value: 1000 * timeOf(i),
      unit: 'ms',
      what: `${WHAT[name]}, ${precision}`,
    }),
  );
  if (precision === 'fp32')
    rows.push(
      ...names.map((name) => ({
        name: `${size}_${name}_gflop`,
        value: flopsOf(name, embedder.manifest),
        unit: 'GFLOP',
        what: WHAT[name],
      })),
    );
  if (!vit) return rows;
  const own = timeOf(names.length);
  const beside = names.map(
    (name, i): BenchRow => ({
      name: `${size}_${precision}_${name}_to_vit`,
      value: timeOf(i) / own,
      unit: 'x',
      what: `${WHAT[name]}, to the ViT, ${precision}`,
    }),
  );
  const pass = { name: `vit_${precision}_ms`, value: 1000 * own, unit: 'ms' };
  return [...rows, { ...pass, what: `ViT-B/14 of 224 pixels, ${precision}` }, ...beside];
}

/** `--processor` takes processor time on one thread in place of the clock's on two; `--only demo` or `b`. */
export async function bench(): Promise<BenchRow[]> {
  const { values } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: 'boolean' },
      processor: { type: 'boolean' },
      only: { type: 'string' },
    },
  });
  if (values.processor) takeProcessorTime();
  const folder = await mkdtemp(join(tmpdir(), '4m-bench-embed-'));
  try {
    const models = benchedModels(folder, values.processor ? 1 : THREADS);
    const rows: BenchRow[] = [];
    for (const size of ['demo', 'b'] as const) {
      if (values.only !== undefined && values.only !== size) continue;
      for (const precision of PRECISIONS) rows.push(...(await rowsOf(models, size, precision)));
    }
    const vit = { name: 'vit_gflop', value: vitFlops(), unit: 'GFLOP' };
    return [...rows, { ...vit, what: 'ViT-B/14 of 224 pixels' }];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
