/**
 * What 8 bits gain over fp32 at the size of 4M-B, and what top-p costs. Both sides of a ratio are measured
 * in turn, so that a slow moment of the machine meets both.
 */

import { tokenCounts } from '../../shared/schedule.ts';
import { GREEDY, type PredictRequest, type RunRequests } from '../../worker/engine/forward.ts';
import { fullTokens, type TokenState, withModality } from '../../worker/engine/tokenState.ts';
import type { BenchRow } from './main.ts';

const PATCHES = 196;
const STEPS = 8;
const ROUNDS = 5;
/** Published settings of rgb -> anything. */
const PUBLISHED = { ...GREEDY, temperature: 0.01, topP: 0.8 };

/** One kind of work over a picture. */
type Work = (run: RunRequests, picture: TokenState) => Promise<void>;

const prediction = (
  modality: string,
  conditions: PredictRequest['conditions'],
  sampling = PUBLISHED,
  positions = Array.from({ length: PATCHES }, (_, i) => i),
): PredictRequest => ({
  kind: 'predict',
  modality,
  step: 0,
  positions,
  conditions,
  sampling,
  draws: positions.map((i) => (i * 0.618) % 1),
});

const guided = (state: TokenState, without: TokenState) => [
  { state, weight: 2 },
  { state: without, weight: -1 },
];

const depth: Work = async (run, picture) => {
  await run([prediction('tok_depth@224', [{ state: picture, weight: 1 }])]);
};

const three =
  (sampling: typeof PUBLISHED): Work =>
  async (run, picture) => {
    const targets = ['tok_depth@224', 'tok_normal@224', 'tok_semseg@224'];
    const conditions = guided(picture, new Map());
    await run(targets.map((modality) => prediction(modality, conditions, sampling)));
  };

/** MaskGIT over a cosine schedule: the tokens that are known grow from step to step. */
const maskgit: Work = async (run, picture) => {
  let known = 0;
  for (const count of tokenCounts('cosine', STEPS, PATCHES)) {
    const visible = {
      ...fullTokens(Array.from({ length: known }, (_, i) => (i * 37) % 8192)),
    };
    const extend = (state: TokenState) =>
      known === 0 ? state : withModality(state, 'tok_depth@224', visible);
    const positions = Array.from({ length: PATCHES - known }, (_, i) => known + i);
    const conditions = guided(extend(picture), extend(new Map()));
    await run([prediction('tok_depth@224', conditions, PUBLISHED, positions)]);
    known += count;
  }
};

const seconds = async (work: () => Promise<void>): Promise<number> => {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
};

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

/** Medians of several kinds of work, each round running all of them one after the other. */
async function sideBySide(works: readonly (() => Promise<void>)[]): Promise<number[]> {
  const times = works.map((): number[] => []);
  for (let round = 0; round <= ROUNDS; round++)
    for (const [i, work] of works.entries()) {
      const taken = await seconds(work);
      // The first round finds nothing warm.
      if (round > 0) times[i]?.push(taken);
    }
  return times.map(median);
}

/** @param picture a new one for each number, so that no context is found again */
export async function precisionRows(
  fp32: RunRequests,
  int8: RunRequests,
  picture: (seed: number) => TokenState,
): Promise<BenchRow[]> {
  let seed = 100;
  const pair = async (work: Work): Promise<[number, number]> => {
    const [wide, narrow] = await sideBySide([
      () => work(fp32, picture(seed++)),
      () => work(int8, picture(seed++)),
    ]);
    return [wide ?? Number.NaN, narrow ?? Number.NaN];
  };
  const rows: BenchRow[] = [];
  const gain = async (name: string, what: string, work: Work): Promise<void> => {
    const [wide, narrow] = await pair(work);
    rows.push(
      { name: `${name}_fp32_seconds`, value: wide, unit: 's', what: `${what}, fp32` },
      { name: `${name}_int8_seconds`, value: narrow, unit: 's', what: `${what}, int8` },
      { name: `${name}_int8_gain`, value: wide / narrow, unit: 'x', what: `${what}, fp32 to int8` },
    );
  };
  await gain('rgb_to_depth', 'rgb -> depth, a step', depth);
  await gain(
    'rgb_to_3_guided',
    'rgb -> depth, normal, semseg, a step each, guided',
    three(PUBLISHED),
  );
  await gain('maskgit8_guided', 'rgb -> depth, MaskGIT, 8 guided steps', maskgit);
  const [withTopP, without] = await sideBySide([
    () => three(PUBLISHED)(fp32, picture(seed++)),
    () => three({ ...PUBLISHED, topP: 0 })(fp32, picture(seed++)),
  ]);
  rows.push({
    name: 'top_p_cost',
    value: 1 - (without ?? Number.NaN) / (withTopP ?? Number.NaN),
    unit: '',
    what: 'share of top-p in the time of a guided rgb -> depth, normal, semseg in fp32',
  });
  return rows;
}
