/** The generate task: inputs -> engine -> outputs. A pure function of the request and the model. */
import type { GenerateRequest, GenerateResponse, Progress } from '../../shared/api/generate.ts';
import { FailureError } from '../../shared/api/problem.ts';
import { checkGenerate, findModality, targetModality } from '../../shared/api/validate.ts';
import { planTarget, type TargetPlan } from '../../shared/schedule.ts';
import { forwardRunner } from '../batching/feeds.ts';
import { type PassCount, runLockstep } from '../batching/lockstep.ts';
import { type GenerationPlan, generate } from '../engine/generate.ts';
import { seededChance } from '../engine/sampling.ts';
import type { TokenState } from '../engine/tokenState.ts';
import { readInputs } from './inputs.ts';
import { makeOutput } from './outputs.ts';
import type { ServedModel } from './servedModel.ts';

export interface GenerateTask {
  readonly id: string;
  readonly seed: number;
  readonly request: GenerateRequest;
}
export interface TaskOptions {
  /** Called after each decoding step. */
  readonly onProgress?: (progress: Progress) => void;
  /** Stops between two forward passes; its reason is thrown. */
  readonly signal?: AbortSignal;
}

const stepsOf = (target: TargetPlan): number => target.counts.length || target.maxTokens;

/** Steps of the whole request, told as a share; a text that ends early jumps ahead. */
function progressOf(
  targets: readonly TargetPlan[],
  publicNames: ReadonlyMap<string, string>,
  report: (progress: Progress) => void,
): (target: string, step: number, steps: number) => void {
  const total = targets.reduce((sum, target) => sum + stepsOf(target), 0);
  return (modality, step, steps) => {
    const index = targets.findIndex((target) => target.modality === modality);
    const before = targets.slice(0, index).reduce((sum, target) => sum + stepsOf(target), 0);
    const target = publicNames.get(modality) ?? modality;
    report({ target, step, steps, fraction: (before + step) / total });
  };
}

function planRequest(
  request: GenerateRequest,
  model: ServedModel,
  inputs: TokenState,
): GenerationPlan & { readonly publicNames: ReadonlyMap<string, string> } {
  const { modalities } = model.loaded.fm;
  const conditioning = [...inputs.keys()];
  const inputInfos = conditioning.map((name) => modalities[name]!);
  const publicNames = new Map<string, string>();
  const targets = request.targets.map((settings) => {
    const entry = findModality(model.description, settings.modality)!;
    const modality = targetModality(entry, settings.modality)!;
    publicNames.set(modality, entry.name);
    return planTarget(settings, modality, modalities[modality]!, inputInfos);
  });
  return { targets, chained: request.chained, conditioning, publicNames };
}

/**
 * Runs a request on a model.
 * @throws FailureError for what is wrong with the request; the signal's reason when aborted
 */
export async function runGenerate(
  task: GenerateTask,
  model: ServedModel,
  options: TaskOptions = {},
): Promise<GenerateResponse> {
  const started = performance.now();
  const { request, seed } = task;
  const failure = checkGenerate(request, model.description);
  if (failure) throw new FailureError(failure);
  const inputs = await readInputs(request.inputs, model);
  const plan = planRequest(request, model, inputs);

  const onStep = options.onProgress
    ? progressOf(plan.targets, plan.publicNames, options.onProgress)
    : undefined;
  const samples = Array.from({ length: request.num_samples }, (_, sample) => {
    const engine = {
      modalities: model.loaded.fm.modalities,
      specials: model.text.specials,
      chance: seededChance(seed, sample),
      // All samples go through the same steps: one of them tells.
      ...(onStep && sample === 0 && { onStep }),
    };
    return generate(engine, plan, inputs);
  });
  const passes: PassCount = { encoder: 0, decoder: 0 };
  const generated = await runLockstep(samples, forwardRunner(model.loaded), passes, options.signal);

  const outputs: GenerateResponse['outputs'] = {};
  let generatedTokens = 0;
  for (const [sample, results] of generated.entries()) {
    for (const [modality, tokens] of results) {
      options.signal?.throwIfAborted();
      generatedTokens += tokens.length;
      const output = await makeOutput(modality, tokens, model, {
        seed,
        sample,
        ...(options.signal && { signal: options.signal }),
      });
      const name = plan.publicNames.get(modality)!;
      outputs[name] = [...(outputs[name] ?? []), output];
    }
  }
  const { id, digest, licence, precision } = model.description;
  return {
    id: task.id,
    model: { id, digest, licence, precision },
    seed,
    outputs,
    usage: {
      encoder_passes: passes.encoder,
      decoder_passes: passes.decoder,
      generated_tokens: generatedTokens,
      milliseconds: Math.round(performance.now() - started),
    },
  };
}
