/** Pictures from pictures: by our schedule and by the reference's, in 8 bits, and what top-p costs. */
import type { BenchRow } from '../main.ts';
import { GIGAFLOPS } from './gigaflops.ts';
import type { BenchModels } from './models.ts';
import { PUBLISHED, perception, sideBySide, three, type Work } from './work.ts';

export async function perceptionRows(models: BenchModels): Promise<BenchRow[]> {
  const [fused, plain] = [await models.fused('fp32'), await models.plain()];
  const [ours = Number.NaN, reference = Number.NaN] = await sideBySide(
    [
      (picture) => three()(fused, picture),
      async (picture) => {
        for (const request of perception(picture)) await plain([request]);
      },
    ],
    3,
  );
  return [
    {
      name: 'rgb_to_3_seconds',
      value: ours,
      unit: 's',
      what: 'rgb -> depth, normal, semseg, a step each, guided',
    },
    {
      name: 'rgb_to_3_reference_seconds',
      value: reference,
      unit: 's',
      what: 'the same by the reference schedule',
    },
    {
      name: 'rgb_to_3_speedup',
      value: reference / ours,
      unit: 'x',
      what: 'reference schedule to ours',
    },
    ...GIGAFLOPS.perception,
  ];
}

/** Rows on what 8 bits gain for one kind of work. */
export const gainRows =
  (name: string, what: string, work: Work, rounds = 5) =>
  async (models: BenchModels): Promise<BenchRow[]> => {
    const [fp32, int8] = [await models.fused('fp32'), await models.fused('int8')];
    const [wide = Number.NaN, narrow = Number.NaN] = await sideBySide(
      [(picture) => work(fp32, picture), (picture) => work(int8, picture)],
      rounds,
    );
    return [
      { name: `${name}_fp32_seconds`, value: wide, unit: 's', what: `${what}, fp32` },
      { name: `${name}_int8_seconds`, value: narrow, unit: 's', what: `${what}, int8` },
      { name: `${name}_int8_gain`, value: wide / narrow, unit: 'x', what: `${what}, fp32 to int8` },
    ];
  };

export async function topPRows(models: BenchModels): Promise<BenchRow[]> {
  const fp32 = await models.fused('fp32');
  const [withTopP = Number.NaN, without = Number.NaN] = await sideBySide(
    [
      (picture) => three()(fp32, picture),
      (picture) => three({ ...PUBLISHED, topP: 0 })(fp32, picture),
    ],
    7,
  );
  return [
    {
      name: 'top_p_cost',
      value: 1 - without / withTopP,
      unit: '',
      what: 'share of top-p in the time of a guided rgb -> depth, normal, semseg in fp32',
    },
  ];
}
