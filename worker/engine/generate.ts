/**
 * Generation of one sample of one request: targets one after the other, each from what is visible then.
 * A generator: it yields forward requests and is resumed with results, and knows nothing of who runs
 * them or beside what.
 */
import type { TargetPlan } from '../../shared/plan/targetPlan.ts';
import type { Engine } from './engine.ts';
import type { Forward } from './forward.ts';
import type { Guidance } from './guidance.ts';
import type { SpecialTokens } from './spans.ts';
import { generateSequence } from './strategies/autoregressive.ts';
import { generateImage } from './strategies/image.ts';
import { emptySequence, idsByPosition, type TokenState, withModality } from './tokenState.ts';

export interface GenerationPlan {
  readonly targets: readonly TargetPlan[];
  /** When true, a finished target is an input of the next ones. */
  readonly chained: boolean;
  /** The inputs, which a guidance scale empties. */
  readonly conditioning: readonly string[];
}

/** Ids of each target, in order of position. */
export type Generated = Map<string, number[]>;

/**
 * The state with every target emptied, as the published pipelines begin: a sequence of which nothing is given
 * shows its opening sentinel, and of a picture nothing is seen.
 * Source: `init_empty_target_modality` of the reference, for all targets before `GenerationSampler.generate`.
 */
const withEmptyTargets = (
  inputs: TokenState,
  targets: readonly TargetPlan[],
  { sentinel }: SpecialTokens,
): TokenState =>
  targets
    .filter(({ modality, scheme }) => scheme === 'autoregressive' && !inputs.has(modality))
    .reduce(
      (state, { modality }) => withModality(state, modality, emptySequence(sentinel(1))),
      inputs,
    );

/**
 * Generates all targets in the order given, each from the state in which all of them were emptied first. When
 * chained, finished pictures join the conditioning and finished sequences only the inputs, as in the
 * reference; with weights in place of a scale, a finished target is a condition of its own where it has a
 * weight.
 */
export function* generate(
  engine: Engine,
  plan: GenerationPlan,
  inputs: TokenState,
): Forward<Generated> {
  const results: Generated = new Map();
  let state = withEmptyTargets(inputs, plan.targets, engine.specials);
  let conditioning = plan.conditioning;
  for (const target of plan.targets) {
    const isSequence = target.scheme === 'autoregressive';
    const strategy = isSequence ? generateSequence : generateImage;
    const guidance: Guidance = {
      scale: target.guidanceScale,
      conditioning,
      ...(target.guidance && { weights: target.guidance }),
    };
    const finished = yield* strategy(engine, target, state, guidance);
    const { modality } = target;
    results.set(modality, [...idsByPosition(finished, modality).values()]);
    if (!plan.chained) continue;
    state = finished;
    if (!isSequence) conditioning = [...new Set([...conditioning, modality])];
  }
  return results;
}

/**
 * The generations that make up one sample, to be run side by side: one for each target where targets do
 * not see each other, else a single one. Their results together are the sample's.
 */
export function generateTargets(
  engine: Engine,
  plan: GenerationPlan,
  inputs: TokenState,
): Forward<Generated>[] {
  if (plan.chained) return [generate(engine, plan, inputs)];
  return plan.targets.map((target) => generate(engine, { ...plan, targets: [target] }, inputs));
}
