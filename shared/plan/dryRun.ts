/** The answer to a dry run: a plan with every setting filled in, and what it costs. */

import type { DryRunResponse, PlannedTarget } from '../api/generate.ts';
import { itemAt } from '../lookup.ts';
import { costOf, isExactCost } from './cost.ts';
import type { RequestPlan } from './plan.ts';
import type { StageTarget } from './targets.ts';

/** A target with every setting filled in. */
export const plannedTarget = ({ name, plan, tokens, model }: StageTarget): PlannedTarget => ({
  target: name,
  modality: plan.modality,
  model: model.id,
  scheme: plan.scheme,
  tokens,
  steps: plan.counts.map((count, step) => ({
    tokens: count,
    temperature: itemAt(plan.stepTemperatures, step, 'temperatures'),
  })),
  temperature: plan.temperature,
  top_k: plan.filters.topK,
  top_p: plan.filters.topP,
  guidance: plan.guidance ?? plan.guidanceScale,
});

/** How every target of a plan is made, in the order in which they are. */
export const scheduleOf = (plan: RequestPlan): PlannedTarget[] =>
  plan.stages.flatMap(({ targets }) => targets.map(plannedTarget));

/** @param reused leading targets of a chain that are in the store */
export function dryRunResponse(
  plan: RequestPlan,
  {
    id,
    seed,
    model,
    reused = 0,
    pixels = 0,
  }: { id: string; seed: number; model: string; reused?: number; pixels?: number },
): DryRunResponse {
  const { encoderPasses, decoderPasses, units, generatedTokens } = costOf(plan, reused, pixels);
  return {
    dry_run: true,
    id,
    model,
    seed,
    chained: plan.chained,
    num_samples: plan.samples,
    plan: scheduleOf(plan),
    outputs: {},
    usage: {
      encoder_passes: encoderPasses,
      decoder_passes: decoderPasses,
      units,
      generated_tokens_at_most: generatedTokens,
    },
    exact: isExactCost(plan),
  };
}
