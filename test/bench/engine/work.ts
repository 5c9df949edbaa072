/** What the engine is asked in its bench, and how times of it are taken. */
import { tokenCounts } from '../../../shared/schedule.ts';
import type {
  PredictRequest,
  RunRequests,
  SamplingSettings,
  WriteRequest,
  Written,
} from '../../../worker/engine/forward.ts';
import { TOKENS_A_REQUEST as PIECE } from '../../../worker/engine/strategies/autoregressive.ts';
import {
  fullRows,
  fullTokens,
  type TokenState,
  withModality,
} from '../../../worker/engine/tokenState.ts';

export const PATCHES = 196;
export const CAPTION_TOKENS = 256;
const MASKGIT_STEPS = 8;
const GREEDY: SamplingSettings = { temperature: 0, topK: 0, topP: 0 };
/** Published settings of rgb -> anything. */
export const PUBLISHED: SamplingSettings = { temperature: 0.01, topK: 0, topP: 0.8 };

/** One kind of work over a picture. */
export type Work = (run: RunRequests, picture: TokenState) => Promise<void>;

/** A new one for each number, so that nothing known of an earlier one is found again. */
export const picture = (seed: number): TokenState =>
  new Map([
    [
      'rgb@224',
      fullRows(
        Float32Array.from({ length: PATCHES * 768 }, (_, i) => Math.sin(i * (seed + 1))),
        768,
      ),
    ],
  ]);

let seed = 100;
export const nextPicture = (): TokenState => picture(seed++);

const everywhere = Array.from({ length: PATCHES }, (_, i) => i);

const prediction = (
  modality: string,
  conditions: PredictRequest['conditions'],
  sampling = PUBLISHED,
  positions: readonly number[] = everywhere,
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

export const depth: Work = async (run, state) => {
  await run([prediction('tok_depth@224', [{ state, weight: 1 }])]);
};

/** depth, normal and semseg from one picture, a step each, guided as published. */
export const perception = (state: TokenState, sampling = PUBLISHED): PredictRequest[] =>
  ['tok_depth@224', 'tok_normal@224', 'tok_semseg@224'].map((modality) =>
    prediction(modality, guided(state, new Map()), sampling),
  );

export const three =
  (sampling = PUBLISHED): Work =>
  async (run, state) => {
    await run(perception(state, sampling));
  };

/** MaskGIT over a cosine schedule: the tokens that are known grow from step to step. */
export const maskgit: Work = async (run, state) => {
  let known = 0;
  for (const count of tokenCounts('cosine', MASKGIT_STEPS, PATCHES)) {
    const visible = fullTokens(Array.from({ length: known }, (_, i) => (i * 37) % 8192));
    const extend = (given: TokenState) =>
      known === 0 ? given : withModality(given, 'tok_depth@224', visible);
    const open = everywhere.slice(known);
    const conditions = guided(extend(state), extend(new Map()));
    await run([prediction('tok_depth@224', conditions, PUBLISHED, open)]);
    known += count;
  }
};

export const captionStep = (
  state: TokenState,
  ids: readonly number[],
  draws: number,
): WriteRequest => ({
  kind: 'write',
  modality: 'caption',
  conditions: [{ state, weight: 1 }],
  ids,
  sampling: GREEDY,
  draws: Array.from({ length: draws }, () => 0),
  stops: [],
});

/** Writes captions of full length side by side, as the engine asks for them. */
export async function writeCaptions(
  run: RunRequests,
  states: readonly TokenState[],
): Promise<void> {
  const ids = states.map(() => [5]);
  let caches: (Written['cache'] | undefined)[] = states.map(() => undefined);
  for (let done = 0; done < CAPTION_TOKENS; done += PIECE) {
    const requests = states.map((state, i): WriteRequest => {
      const cache = caches[i];
      const isLast = done + PIECE >= CAPTION_TOKENS;
      return { ...captionStep(state, [...ids[i]!], PIECE), ...(cache && { cache }), isLast };
    });
    const written = (await run(requests)) as Written[];
    caches = written.map(({ cache }) => cache);
    for (const [i, result] of written.entries()) ids[i]!.push(...result.ids);
  }
}

export const caption: Work = (run, state) => writeCaptions(run, [state]);

const wallClock = (): number => performance.now() / 1000;

/** What all threads of this process have used: on one thread, what other work takes is not in it. */
function processorTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

let clock = wallClock;
export const takeProcessorTime = (): void => {
  clock = processorTime;
};

export async function seconds(run: () => Promise<unknown>): Promise<number> {
  const started = clock();
  await run();
  return clock() - started;
}

export const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

let typical = median;
/** The lowest of the rounds in place of their median: other work can only add to it. */
export const takeLowest = (): void => {
  typical = (values) => Math.min(...values);
};

/**
 * Typical times of several kinds of work, each round running all of them one after the other, so that a slow moment
 * of the machine meets all. A first round, which finds nothing warm, does not count.
 * @param works each is given a new picture, which is made before its time begins: that takes 27 ms
 */
export async function sideBySide(
  works: readonly ((picture: TokenState) => Promise<unknown>)[],
  rounds: number,
): Promise<number[]> {
  const times = works.map((): number[] => []);
  for (let round = 0; round <= rounds; round++)
    for (const [i, work] of works.entries()) {
      const given = nextPicture();
      const taken = await seconds(() => work(given));
      if (round > 0) times[i]?.push(taken);
    }
  return times.map((values) => typical(values));
}
