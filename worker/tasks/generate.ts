/** The generate task: inputs -> engine -> outputs. A pure function of the request and the models. */

import type { GenerateRequest, Merged, Output, Progress } from '../../shared/api/generate.ts';
import { refusal } from '../../shared/api/problem.ts';
import type { KnownTarget, WorkerGenerateResponse } from '../../shared/api/worker.ts';
import { itemAt, present, valueAt } from '../../shared/lookup.ts';
import { costOf } from '../../shared/plan/cost.ts';
import { planRequest, type RequestPlan, type Stage } from '../../shared/plan/plan.ts';
import type { PassCount } from '../batching/passes.ts';
import { createDecoding, type Decoding } from './decoding.ts';
import { createReporter } from './progress.ts';
import { type Reading, startReading } from './reading.ts';
import type { ServedModel } from './servedModel.ts';
import { type Ids, runStage, type StageResult } from './stage.ts';
import { inputTokens } from './tokens.ts';

export interface GenerateTask {
  readonly id: string;
  readonly seed: number;
  readonly request: GenerateRequest;
  /** Leading targets of a chain that were made before. */
  readonly known?: readonly KnownTarget[] | undefined;
}
export interface TaskOptions {
  /** Called after each decoding step. */
  readonly onProgress?: (progress: Progress) => void;
  /** Stops between two forward passes; its reason is thrown. */
  readonly signal?: AbortSignal;
  /** All loaded models, where a target may need another than the request's own. */
  readonly models?: readonly ServedModel[];
}

/** Known targets of a stage, for each sample. @throws FailureError when they are not the stage's first */
function knownOf(stage: Stage, known: readonly KnownTarget[], samples: number): readonly Ids[] {
  const leading = known.slice(0, stage.targets.length);
  for (const [i, { modality, samples: ids }] of leading.entries()) {
    const next = itemAt(stage.targets, i, 'targets').plan.modality;
    if (next === modality && ids.length === samples) continue;
    const detail = `the known target ${modality} is not the next one, or has not ${samples} samples`;
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

/** A stage that has run, with the model that ran it. */
interface FinishedStage {
  readonly stage: Stage;
  readonly model: ServedModel;
  readonly result: StageResult;
}

interface Running {
  readonly models: readonly ServedModel[];
  readonly passes: PassCount;
  readonly decoding: Decoding;
  readonly reading: Reading;
}

async function runStages(
  plan: RequestPlan,
  task: GenerateTask,
  { models, passes, decoding, reading }: Running,
  options: TaskOptions,
): Promise<FinishedStage[]> {
  const { request, seed } = task;
  const known = task.known ?? [];
  const targets = plan.stages.flatMap((stage) => stage.targets);
  const reporter =
    options.onProgress &&
    createReporter(
      targets.slice(known.length),
      { chained: plan.chained, previews: request.previews ?? false },
      options.onProgress,
    );
  const finished: FinishedStage[] = [];
  let [made, left]: [readonly Ids[], readonly KnownTarget[]] = [[], known];
  for (const stage of plan.stages) {
    const own = models.find(({ description }) => description === stage.model);
    const model = present(own, `the model ${stage.model.id}`);
    const { signal } = options;
    const common = { request, seed, passes, reading, reporter, signal, made };
    const leading = knownOf(stage, left, plan.samples);
    const result = await runStage(stage, model, {
      ...common,
      known: leading,
      onComplete: (target, sample, ids) => decoding.complete(target, sample, ids, model),
    });
    finished.push({ stage, model, result });
    left = left.slice(stage.targets.length);
    made = result.samples.map((ids, sample) => new Map([...(made[sample] ?? []), ...ids]));
  }
  await reporter?.settled();
  return finished;
}

/** Outputs by target name, in the order of the request, and what several samples make together. */
async function gather(
  finished: readonly FinishedStage[],
  decoding: Decoding,
): Promise<Pick<WorkerGenerateResponse, 'outputs' | 'merged'>> {
  for (const { stage, model, result } of finished) {
    for (const target of stage.targets) {
      for (const [sample, ids] of result.samples.entries()) {
        decoding.complete(target, sample, valueAt(ids, target.plan.modality, 'targets'), model);
      }
    }
  }
  const outputs: Record<string, Output[]> = {};
  const merged: Record<string, Merged> = {};
  const targets = finished.flatMap(({ stage }) => stage.targets);
  for (const target of targets.sort((a, b) => a.index - b.index)) {
    const decoded = await decoding.outputs(target);
    outputs[target.name] = [...decoded.outputs];
    if (decoded.merged) merged[target.name] = decoded.merged;
  }
  return { outputs, ...(Object.keys(merged).length > 0 && { merged }) };
}

/** Tokens that were made here: neither given, nor known from before. */
function countGenerated({ stage, model, result }: FinishedStage, known: number): number {
  const { isSentinel } = model.text.specials;
  const counts = stage.targets.slice(known).map(({ entry, plan: { modality } }) => {
    const visible = result.inputs.get(modality)?.content;
    const ids = visible?.kind === 'ids' ? visible.ids : [];
    // The gaps of a text are sentinels; in a grid these ids are tokens as any other.
    const given = ids.filter((id) => entry.type === 'img' || !isSentinel(id)).length;
    return result.samples.reduce(
      (sum, made) => sum + valueAt(made, modality, 'targets').length - given,
      0,
    );
  });
  return counts.reduce((sum, count) => sum + count, 0);
}

const servedBy = ({ description: { id, digest, licence, precision } }: ServedModel) => ({
  id,
  digest,
  licence,
  precision,
});

/**
 * Runs a request on a model, and on further ones for the targets that only they have.
 * @throws FailureError for what is wrong with the request; the signal's reason when aborted
 */
export async function runGenerate(
  task: GenerateTask,
  model: ServedModel,
  options: TaskOptions = {},
): Promise<WorkerGenerateResponse> {
  const started = performance.now();
  const { request, known = [] } = task;
  const models = options.models ?? [model];
  const descriptions = models.map(({ description }) => description);
  const plan = planRequest(request, model.description, descriptions);
  const passes: PassCount = { encoder: 0, decoder: 0 };
  const reading = startReading(options.signal);
  const decoding = createDecoding(request, task.seed, reading);
  const running = { models, passes, decoding, reading };
  const finished = await runStages(plan, task, running, options);
  const decoded = await gather(finished, decoding);
  let [generated, left] = [0, known.length];
  for (const done of finished) {
    generated += countGenerated(done, left);
    left = Math.max(0, left - done.stage.targets.length);
  }
  const further = finished.map((done) => done.model).filter((other) => other !== model);
  return {
    id: task.id,
    model: servedBy(model),
    seed: task.seed,
    ...decoded,
    ...(request.keep && { input_tokens: inputTokens(finished) }),
    ...(known.length > 0 && { reused_targets: known.length }),
    ...(reading.warnings.length > 0 && { warnings: [...reading.warnings] }),
    ...(further.length > 0 && { further_models: further.map(servedBy) }),
    usage: {
      encoder_passes: passes.encoder,
      decoder_passes: passes.decoder,
      units: costOf(plan, known.length).units,
      generated_tokens: generated,
      milliseconds: Math.round(performance.now() - started),
    },
  };
}
