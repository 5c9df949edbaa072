/**
 * Generation of one sample of one request: targets one after the other, each from what is visible then.
 * A generator: it yields forward requests and is resumed with results, and knows nothing of who runs
 * them or beside what.
 */
import type { ModalityInfo } from '../../shared/model/modalities.ts';
import type { TargetPlan } from '../../shared/schedule.ts';
import type { Forward } from './forward.ts';
import type { Chance } from './sampling.ts';
import type { SpecialTokens } from './spans.ts';
import { generateSequence } from './strategies/autoregressive.ts';
import { generateImage } from './strategies/image.ts';
import { idsByPosition, type TokenState } from './tokenState.ts';

/** What a generation is made with. */
export interface Engine {
  readonly modalities: Readonly<Record<string, ModalityInfo>>;
  readonly specials: SpecialTokens;
  readonly chance: Chance;
  /** Ids that end a sequence, in place of [EOS] and the closing sentinel. */
  readonly stopTokens?: readonly number[];
  readonly onStep?: (target: string, step: number, steps: number) => void;
}

export interface GenerationPlan {
  readonly targets: readonly TargetPlan[];
  /** When true, a finished target is an input of the next ones. */
  readonly chained: boolean;
  /** The inputs, which guidance empties. */
  readonly conditioning: readonly string[];
}

/**
 * Generates all targets in the order given. When chained, finished pictures join the conditioning and
 * finished sequences only the inputs, as in the reference.
 * @returns ids of each target, in order of position
 */
export function* generate(
  engine: Engine,
  plan: GenerationPlan,
  inputs: TokenState,
): Forward<Map<string, number[]>> {
  const results = new Map<string, number[]>();
  let state = inputs;
  let conditioning = plan.conditioning;
  for (const target of plan.targets) {
    const isSequence = target.scheme === 'autoregressive';
    const strategy = isSequence ? generateSequence : generateImage;
    const finished = yield* strategy(engine, target, state, conditioning);
    const { modality } = target;
    results.set(modality, [...idsByPosition(finished, modality).values()]);
    if (!plan.chained) continue;
    state = finished;
    if (!isSequence) conditioning = [...conditioning, modality];
  }
  return results;
}
