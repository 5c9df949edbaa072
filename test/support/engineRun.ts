/** Runs generations on the fake model and keeps what they asked. */
import { NO_FILTERS } from '../../shared/plan/filters.ts';
import type { TargetPlan } from '../../shared/plan/targetPlan.ts';
import { type LockstepOptions, runLockstep } from '../../worker/batching/lockstep.ts';
import { plainRunner } from '../../worker/compare/plain.ts';
import type { Engine } from '../../worker/engine/engine.ts';
import type { Forward, ForwardRequest, RunRequests } from '../../worker/engine/forward.ts';
import { seededChance } from '../../worker/engine/sampling.ts';
import type { SpecialTokens } from '../../worker/engine/spans.ts';
import { arrayModel, FAKE_MODALITIES } from './arrayModel.ts';

/** Special tokens of the fake model's vocabulary of 12 ids; 1, 2, 10 and 11 are words. */
export const FAKE_SPECIALS: SpecialTokens = {
  pad: 0,
  eos: 3,
  sentinel: (k) => 4 + k,
  isSentinel: (id) => id >= 4 && id <= 9,
};

/** A target with settings that do nothing, but for the given ones. */
export const planned = (modality: string, extra: Partial<TargetPlan> = {}): TargetPlan => {
  const sequence = FAKE_MODALITIES[modality]!.type === 'seq';
  const counts = extra.counts ?? (sequence ? [] : [FAKE_MODALITIES[modality]!.max_tokens]);
  return {
    modality,
    scheme: sequence ? 'autoregressive' : 'maskgit',
    counts,
    stepTemperatures: counts.map(() => extra.temperature ?? 1),
    temperature: 1,
    filters: NO_FILTERS,
    guidanceScale: 1,
    maxTokens: FAKE_MODALITIES[modality]!.max_tokens,
    ...extra,
  };
};

export const fakeEngine = (seed = 5, sample = 0, extra: Partial<Engine> = {}): Engine => ({
  modalities: FAKE_MODALITIES,
  specials: FAKE_SPECIALS,
  chance: seededChance(seed, sample),
  ...extra,
});

export interface EngineRun<T> {
  readonly results: T[];
  /** What was asked, round after round. */
  readonly rounds: ForwardRequest[][];
  readonly requests: ForwardRequest[];
  readonly passes: { readonly encoder: number; readonly decoder: number };
}

/** Runs generations side by side. */
export async function runFake<T>(
  forwards: readonly Forward<T>[],
  options: LockstepOptions = {},
  runner: RunRequests = plainRunner(arrayModel()),
): Promise<EngineRun<T>> {
  const rounds: ForwardRequest[][] = [];
  const passes = { encoder: 0, decoder: 0 };
  const recording: RunRequests = (requests) => {
    rounds.push([...requests]);
    return runner(requests);
  };
  const results = await runLockstep(forwards, recording, { passes, ...options });
  return { results, rounds, requests: rounds.flat(), passes };
}
