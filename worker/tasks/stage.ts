/** One stage of a request: the targets that one model makes, for all samples side by side. */

import type { GenerateRequest } from '../../shared/api/generate.ts';
import { pointerBelow } from '../../shared/api/pointer.ts';
import { fieldOf, itemAt, valueAt } from '../../shared/lookup.ts';
import type { PlannedInput } from '../../shared/plan/inputs.ts';
import { inputModality } from '../../shared/plan/names.ts';
import type { Stage } from '../../shared/plan/plan.ts';
import type { TargetPlan } from '../../shared/plan/targetPlan.ts';
import type { StageTarget } from '../../shared/plan/targets.ts';
import type { PassCount } from '../batching/passes.ts';
import type { LaneOptions } from '../batching/scheduler.ts';
import { runSideBySide } from '../batching/sideBySide.ts';
import type { RunRequests } from '../engine/forward.ts';
import { generateTargets } from '../engine/generate.ts';
import { seededChance } from '../engine/sampling.ts';
import {
  fullTokens,
  type TokenState,
  type VisibleTokens,
  withModality,
} from '../engine/tokenState.ts';
import { readInput } from './inputs.ts';
import type { Reporter } from './progress.ts';
import type { Reading } from './reading.ts';
import type { InputModel, ServedModel } from './servedModel.ts';

/** Ids by the model's own names, in order of position. */
export type Ids = ReadonlyMap<string, readonly number[]>;

export interface StageOptions {
  readonly request: GenerateRequest;
  readonly seed: number;
  /** Tokens of earlier stages, for each sample; those that the stage takes are its inputs. */
  readonly made: readonly Ids[];
  /** Leading targets that are there already, for each sample. */
  readonly reused: readonly Ids[];
  readonly passes: PassCount;
  /** Shared by all stages of the request. */
  readonly reading: Reading;
  readonly reporter?: Reporter | undefined;
  /** Told of grids while the generation goes on. */
  readonly onComplete?: (
    target: StageTarget,
    sample: number,
    ids: readonly number[],
    plan: TargetPlan,
  ) => void;
  readonly signal?: AbortSignal | undefined;
  /** Whose work it is, and how urgent. */
  readonly turn?: LaneOptions | undefined;
}

export interface StageResult {
  /** For each sample: every target of the stage, reused ones among them. */
  readonly samples: readonly Ids[];
  /** What the request's own inputs came to be. */
  readonly inputs: TokenState;
}

/**
 * The inputs of a stage, each read as what the plan says that it feeds, and looked at for what to warn of.
 * @param at pointer of what holds the inputs; empty for the request itself
 */
export async function readStage(
  ...[inputs, request, model, reading, at]: Parameters<typeof readOnly>
): Promise<TokenState> {
  const state = await readOnly(inputs, request, model, reading, at);
  await reading.looked();
  return state;
}

/** As `readStage`, without waiting for what is looked at beside. */
async function readOnly(
  inputs: readonly PlannedInput[],
  request: Pick<GenerateRequest, 'inputs'>,
  model: InputModel,
  reading: Reading,
  at = '',
): Promise<TokenState> {
  const state = new Map<string, VisibleTokens>();
  for (const { name, entry, form, modality } of inputs) {
    // A picture that is to be completed feeds its tokens, where its public name would mean the pixels.
    const own = inputModality(entry, name, form) === modality ? name : modality;
    const value = fieldOf(request.inputs, name, 'the inputs');
    const place = pointerBelow(at, 'inputs', name);
    state.set(modality, await readInput(own, value, model, place, reading));
  }
  return state;
}

/** The plan of a target whose grid turned out to be partly given. */
export function settled(target: StageTarget, inputs: TokenState): TargetPlan {
  const given = inputs.get(target.plan.modality);
  if (!given || target.entry.type !== 'img') return target.plan;
  return target.planFor(target.entry.tokens - given.positions.length);
}

/** The state of one sample, and what guidance takes away of it. */
function start(
  { inputs, sample }: { inputs: TokenState; sample: number },
  stage: Stage,
  { made, reused }: StageOptions,
): { state: TokenState; conditioning: string[] } {
  // Samples differ in what was made for them, which must not be taken for something they share.
  const origin = `made/${sample}`;
  let state = inputs;
  const conditioning = [...inputs.keys()];
  for (const { modality } of stage.made) {
    const ids = valueAt(itemAt(made, sample, 'samples'), modality, 'targets of earlier stages');
    state = withModality(state, modality, fullTokens(ids, origin));
    conditioning.push(modality);
  }
  for (const [modality, ids] of reused[sample] ?? []) {
    const target = stage.targets.find(({ plan }) => plan.modality === modality);
    state = withModality(state, modality, fullTokens(ids, origin));
    const isNew = target?.entry.type === 'img' && !conditioning.includes(modality);
    if (isNew) conditioning.push(modality);
  }
  return { state, conditioning };
}

/**
 * Does not wait for `reading.looked()`, which the caller does while the model is there.
 * @throws FailureError for what is wrong with an input; the signal's reason when aborted
 */
export async function runStage(
  stage: Stage,
  model: ServedModel,
  options: StageOptions,
): Promise<StageResult> {
  const lane = model.scheduler.join(options.turn);
  try {
    const { inputs: given } = stage;
    const inputs = await readOnly(given, options.request, model, options.reading);
    options.signal?.throwIfAborted();
    return await runTargets(stage, model, inputs, options, lane.run);
  } finally {
    lane.leave();
  }
}

/**
 * Makes the targets of a stage.
 * @param inputs of the stage, as `readStage` reads them
 * @param run of a lane of the model's scheduler
 */
export async function runTargets(
  stage: Stage,
  model: ServedModel,
  inputs: TokenState,
  options: StageOptions,
  run: RunRequests,
): Promise<StageResult> {
  const { request, seed, passes, reporter, signal } = options;
  const reused = options.reused[0]?.size ?? 0;
  const targets = stage.targets.slice(reused).map((target) => settled(target, inputs));
  const forwards = Array.from({ length: request.num_samples }, (_, sample) => {
    const { state, conditioning } = start({ inputs, sample }, stage, options);
    // All samples go through the same steps: one of them tells.
    const telling = sample === 0 ? reporter : undefined;
    const engine = {
      modalities: model.loaded.fm.modalities,
      specials: model.text.specials,
      chance: seededChance(seed, sample),
      ...(telling && { onStep: telling.onStep }),
      onTokens: (modality: string, ids: ReadonlyMap<number, number>) => {
        telling?.onTokens(modality, ids, model);
        const target = stage.targets.find(({ plan }) => plan.modality === modality);
        if (target?.entry.tokens !== ids.size) return;
        options.onComplete?.(target, sample, [...ids.values()], settled(target, inputs));
      },
    };
    return generateTargets(engine, { targets, chained: request.chained, conditioning }, state);
  });
  const results = await runSideBySide(forwards.flat(), run, { passes, signal });
  const each = itemAt(forwards, 0, 'samples').length;
  const samples = forwards.map((_, sample): Ids => {
    const own = results.slice(sample * each, (sample + 1) * each);
    return new Map([...(options.reused[sample] ?? []), ...own.flatMap((result) => [...result])]);
  });
  return { samples, inputs };
}
