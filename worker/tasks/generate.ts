/** The generate task: inputs -> engine -> outputs. A pure function of the request and the models. */

import type { GenerateRequest, Merged, Output, Progress } from '../../shared/api/generate.ts';
import type { Model } from '../../shared/api/models.ts';
import { refusal } from '../../shared/api/problem.ts';
import type { ReusedTarget, WorkerGenerateResponse } from '../../shared/api/worker.ts';
import { itemAt, valueAt } from '../../shared/lookup.ts';
import { costOf } from '../../shared/plan/cost.ts';
import { plannedTarget } from '../../shared/plan/dryRun.ts';
import { planRequest, type RequestPlan, type Stage } from '../../shared/plan/plan.ts';
import type { StageTarget } from '../../shared/plan/targets.ts';
import type { PassCount } from '../batching/passes.ts';
import type { LaneOptions } from '../batching/scheduler.ts';
import { createDecoding, type Decoded, type Decoding, type OnDecoded } from './decoding.ts';
import { type Lender, lendLoaded } from './lender.ts';
import { createReporter, type Reporter } from './progress.ts';
import { type Reading, startReading } from './reading.ts';
import { asGenerator, type ServedModel, servedBy } from './servedModel.ts';
import { type Ids, runStage, type StageResult, settled } from './stage.ts';
import { inputTokens } from './tokens.ts';

export interface GenerateTask {
  readonly id: string;
  readonly seed: number;
  readonly request: GenerateRequest;
  /** Leading targets of a chain that were made before. */
  readonly reused?: readonly ReusedTarget[] | undefined;
}
export interface TaskOptions {
  /** Called after each decoding step. */
  readonly onProgress?: (progress: Progress) => void;
  /** Stops between two forward passes; its reason is thrown. */
  readonly signal?: AbortSignal | undefined;
  /** Whose work it is, and how urgent. */
  readonly turn?: LaneOptions | undefined;
  /** Told of each target whose outputs are made. */
  readonly onDecoded?: OnDecoded | undefined;
}

export interface LoadedTaskOptions extends TaskOptions {
  /** All loaded models, where a target may need another than the request's own. */
  readonly models?: readonly ServedModel[];
}

/** Known targets of a stage, for each sample. @throws FailureError when they are not the stage's first */
function reusedOf(stage: Stage, reused: readonly ReusedTarget[], samples: number): readonly Ids[] {
  const leading = reused.slice(0, stage.targets.length);
  for (const [i, { modality, samples: ids }] of leading.entries()) {
    const next = itemAt(stage.targets, i, 'targets').plan.modality;
    if (next === modality && ids.length === samples) continue;
    const detail = `the reused target ${modality} is not the next one, or has not ${samples} samples`;
    throw refusal('invalid_request', detail);
  }
  return Array.from(
    { length: samples },
    (_, sample) =>
      new Map(
        leading.map(({ modality, samples: ids }) => [modality, itemAt(ids, sample, 'samples')]),
      ),
  );
}

/** A stage that has run, and whose outputs are made: its model is needed no more. */
interface FinishedStage {
  readonly stage: Stage;
  readonly result: StageResult;
  readonly decoded: ReadonlyMap<StageTarget, Decoded>;
  /** Tokens that were made here: neither given, nor reused. */
  readonly generated: number;
}

interface Running {
  readonly lender: Lender;
  readonly passes: PassCount;
  readonly decoding: Decoding;
  readonly reading: Reading;
  readonly reporter: Reporter | undefined;
}

function reporterOf(
  { chained, stages }: RequestPlan,
  { request, reused = [] }: GenerateTask,
  { onProgress }: TaskOptions,
): Reporter | undefined {
  const targets = stages.flatMap((stage) => stage.targets).slice(reused.length);
  const wishes = { chained, previews: request.previews ?? false };
  return onProgress && createReporter(targets, wishes, onProgress);
}

async function runStages(
  plan: RequestPlan,
  task: GenerateTask,
  { lender, passes, decoding, reading, reporter }: Running,
  options: TaskOptions,
): Promise<FinishedStage[]> {
  const { request, seed } = task;
  const reused = task.reused ?? [];
  const finished: FinishedStage[] = [];
  let [made, left]: [readonly Ids[], readonly ReusedTarget[]] = [[], reused];
  for (const stage of plan.stages) {
    const { signal, turn } = options;
    const common = { request, seed, passes, reading, reporter, signal, turn, made };
    const leading = reusedOf(stage, left, plan.samples);
    const done = await lender.use(stage.model, async (served): Promise<FinishedStage> => {
      const model = asGenerator(served);
      const result = await runStage(stage, model, {
        ...common,
        reused: leading,
        onComplete: (target, sample, ids, plan) =>
          decoding.complete(target, sample, ids, model, plan),
      });
      const decoded = await decodeStage(stage, result, decoding, model);
      await reading.looked();
      await reporter?.settled();
      const reusedHere = leading[0]?.size ?? 0;
      return {
        stage,
        result,
        decoded,
        generated: countGenerated(stage, result, model, reusedHere),
      };
    });
    finished.push(done);
    left = left.slice(stage.targets.length);
    made = done.result.samples.map((ids, sample) => new Map([...(made[sample] ?? []), ...ids]));
  }
  return finished;
}

async function decodeStage(
  { targets }: Stage,
  { samples, inputs }: StageResult,
  decoding: Decoding,
  model: ServedModel,
): Promise<Map<StageTarget, Decoded>> {
  for (const target of targets)
    for (const [sample, ids] of samples.entries())
      decoding.complete(
        target,
        sample,
        valueAt(ids, target.plan.modality, 'targets'),
        model,
        settled(target, inputs),
      );
  const decoded = new Map<StageTarget, Decoded>();
  for (const target of targets) decoded.set(target, await decoding.outputs(target));
  return decoded;
}

/** Outputs by target name, in the order of the request, and what several samples make together. */
function gather(
  finished: readonly FinishedStage[],
): Pick<WorkerGenerateResponse, 'outputs' | 'merged'> {
  const outputs: Record<string, Output[]> = {};
  const merged: Record<string, Merged> = {};
  const decoded = finished.flatMap((stage) => [...stage.decoded]);
  for (const [{ name }, own] of decoded.sort(([a], [b]) => a.index - b.index)) {
    outputs[name] = [...own.outputs];
    if (own.merged) merged[name] = own.merged;
  }
  return { outputs, ...(Object.keys(merged).length > 0 && { merged }) };
}

/** @param reused leading targets of the stage that were there before */
function countGenerated(
  stage: Stage,
  result: StageResult,
  model: ServedModel,
  reused: number,
): number {
  const { isSentinel } = model.text.specials;
  const counts = stage.targets.slice(reused).map(({ entry, plan: { modality } }) => {
    const visible = result.inputs.get(modality)?.content;
    const ids = visible?.kind === 'ids' ? visible.ids : [];
    // The gaps of a text are sentinels; in a grid these ids are tokens as any other.
    const given = ids.filter((id) => entry.type === 'img' || !isSentinel(id)).length;
    return result.samples.reduce(
      (sum, ids) => sum + valueAt(ids, modality, 'targets').length - given,
      0,
    );
  });
  return counts.reduce((sum, count) => sum + count, 0);
}

/**
 * Runs a request on a model that is in memory.
 * @throws FailureError for what is wrong with the request; the signal's reason when aborted
 */
export const runGenerate = (
  task: GenerateTask,
  model: ServedModel,
  { models = [model], ...options }: LoadedTaskOptions = {},
): Promise<WorkerGenerateResponse> =>
  generateOn(task, model.description, lendLoaded(models), options);

/**
 * Runs a request on a model, and on further ones for the targets that only they have, one after the other.
 * @param model one of the lender's
 * @throws FailureError for what is wrong with the request; the signal's reason when aborted
 */
export async function generateOn(
  task: GenerateTask,
  model: Model,
  lender: Lender,
  options: TaskOptions = {},
): Promise<WorkerGenerateResponse> {
  const started = performance.now();
  const { request, reused = [] } = task;
  const plan = planRequest(request, model, lender.descriptions);
  const passes: PassCount = { encoder: 0, decoder: 0 };
  const reading = startReading(options.signal);
  const reporter = reporterOf(plan, task, options);
  const decoding = createDecoding(task, reading, {
    onDecoded: options.onDecoded,
    onOutputs: reporter?.onOutputs,
  });
  const running = { lender, passes, decoding, reading, reporter };
  const finished = await runStages(plan, task, running, options);
  const further = plan.stages.map((stage) => stage.model).filter((other) => other !== model);
  return {
    id: task.id,
    model: servedBy(model),
    seed: task.seed,
    schedule: finished.flatMap(({ stage, result }) =>
      stage.targets.map((target) => {
        const own = settled(target, result.inputs);
        const open = own.counts.reduce((sum, count) => sum + count, 0);
        const tokens = target.entry.type === 'img' ? open : target.tokens;
        return plannedTarget({ ...target, plan: own, tokens });
      }),
    ),
    ...gather(finished),
    ...(request.keep && { input_tokens: inputTokens(finished) }),
    ...(reused.length > 0 && { reused_targets: reused.length }),
    ...(reading.warnings.length > 0 && { warnings: [...reading.warnings] }),
    ...(further.length > 0 && { further_models: further.map(servedBy) }),
    usage: {
      encoder_passes: passes.encoder,
      decoder_passes: passes.decoder,
      units: costOf(plan, reused.length, reading.pixels()).units,
      generated_tokens: finished.reduce((sum, { generated }) => sum + generated, 0),
      milliseconds: Math.round(performance.now() - started),
    },
  };
}
