/**
 * A request -> what will be run: which model makes which target from what, with every default filled in.
 * From the request and the models' descriptions alone, so that the edge refuses and prices by it before
 * anything is sent; the worker plans again, as it trusts nobody.
 */

import type { GenerateRequest } from '../api/generate.ts';
import type { Modality, Model } from '../api/models.ts';
import { pointerTo } from '../api/pointer.ts';
import { FailureError, refusal } from '../api/problem.ts';
import { itemAt } from '../lookup.ts';
import { type PlannedInput, planInput } from './inputs.ts';
import {
  type RequestedTarget,
  requestedTargets,
  type StageTarget,
  settleTarget,
} from './targets.ts';

/** Targets that one model makes. */
export interface Stage {
  readonly model: Model;
  /** Of the request, in its order; those that an earlier stage makes come in `made`. */
  readonly inputs: readonly PlannedInput[];
  /** Targets of earlier stages that this model takes as inputs. */
  readonly made: readonly PlannedInput[];
  readonly targets: readonly StageTarget[];
}

/**
 * Sequence targets of a stage of which nothing is given. In a chain each shows the encoder its opening
 * sentinel from the first step of the stage on, until its turn comes.
 * @param from place in the stage of the first target that is looked at
 * @returns the model's own names
 */
export function emptySequences({ inputs, made, targets }: Stage, from = 0): string[] {
  const given = new Set([...inputs, ...made].map(({ modality }) => modality));
  return targets
    .slice(from)
    .filter(({ plan }) => plan.scheme === 'autoregressive' && !given.has(plan.modality))
    .map(({ plan }) => plan.modality);
}

export interface RequestPlan {
  readonly stages: readonly Stage[];
  readonly chained: boolean;
  readonly samples: number;
}

/**
 * What each input feeds.
 * @param targets what is to be generated as well; none where inputs are only looked at
 * @throws FailureError for a name, form or token that does not fit, and for two names of one input
 */
export function planInputs(
  request: Pick<GenerateRequest, 'inputs'>,
  model: Model,
  targets: readonly RequestedTarget[] = [],
): PlannedInput[] {
  const isTarget = (entry: Modality): boolean => targets.some((target) => target.entry === entry);
  const planned: PlannedInput[] = [];
  for (const [name, value] of Object.entries(request.inputs)) {
    const input = planInput(model, name, value, isTarget);
    const other = planned.find(({ modality }) => modality === input.modality);
    if (other) {
      const detail = `${name} and ${other.name} are the same input`;
      throw refusal('invalid_request', detail, pointerTo('inputs', name));
    }
    planned.push(input);
  }
  return planned;
}

/** Inputs that a further model can take too; what it does not know it goes without. */
function requestInputs(
  request: GenerateRequest,
  model: Model,
  targets: readonly RequestedTarget[],
): PlannedInput[] {
  const inputs = Object.entries(request.inputs).filter(([name, value]) => {
    try {
      planInput(model, name, value, () => false);
      return true;
    } catch (error) {
      if (error instanceof FailureError) return false;
      throw error;
    }
  });
  return planInputs({ ...request, inputs: Object.fromEntries(inputs) }, model, targets);
}

/** Finished targets that a further model takes as inputs: same name, same vocabulary, same length. */
function madeInputs(
  finished: readonly StageTarget[],
  model: Model,
  inputs: readonly PlannedInput[],
): PlannedInput[] {
  return finished.flatMap((target): PlannedInput[] => {
    const { modality } = target.plan;
    const entry = model.modalities.find((candidate) => candidate.modalities.includes(modality));
    if (!entry?.accepts.includes('tokens')) return [];
    const { vocabulary, tokens } = target.entry;
    if (
      entry.vocabulary !== vocabulary ||
      entry.tokens !== tokens ||
      inputs.some((input) => input.modality === modality)
    ) {
      return [];
    }
    const count = { visible: entry.tokens, open: 0, partial: false, exact: entry.type === 'img' };
    return [{ name: target.name, entry, modality, form: 'tokens', ...count }];
  });
}

function planStage(
  request: GenerateRequest,
  model: Model,
  requested: readonly RequestedTarget[],
  finished: readonly StageTarget[],
  isFirst: boolean,
): Stage {
  const inputs = isFirst
    ? planInputs(request, model, requested)
    : requestInputs(request, model, requested);
  const made = isFirst ? [] : madeInputs(finished, model, inputs);
  const all = [...inputs, ...made];
  if (all.length === 0) {
    const { settings, index } = itemAt(requested, 0, 'targets');
    const detail = `${settings.modality} is made by ${model.id}, which takes none of the inputs`;
    throw refusal('unknown_target', detail, pointerTo('targets', index));
  }
  const targets = requested.map((target, i) =>
    settleTarget(target, { request, inputs: all, earlier: requested.slice(0, i) }),
  );
  return { model, inputs, made, targets };
}

/**
 * @param model the model that the request names, which makes whatever it can
 * @param models all loaded ones: a target that only another has is a further stage on that one
 * @throws FailureError with the pointer of the field that does not fit
 */
export function planRequest(
  request: GenerateRequest,
  model: Model,
  models: readonly Model[] = [model],
): RequestPlan {
  // A misspelt input is told before what would follow from it.
  planInputs(request, model, []);
  const requested = requestedTargets(request, model, models);
  const order = [...new Set([model, ...requested.map((target) => target.model)])];
  const stages: Stage[] = [];
  for (const maker of order) {
    const own = requested.filter((target) => target.model === maker);
    if (own.length === 0) continue;
    const finished = stages.flatMap((stage) => stage.targets);
    stages.push(planStage(request, maker, own, finished, stages.length === 0 && maker === model));
  }
  return { stages, chained: request.chained, samples: request.num_samples };
}
