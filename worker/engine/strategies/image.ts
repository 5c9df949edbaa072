/** One picture-like target, step by step: the part MaskGIT and ROAR have in common. */
import { fieldOf, itemAt } from '../../../shared/lookup.ts';
import type { TargetPlan } from '../../../shared/plan/targetPlan.ts';
import type { Engine } from '../engine.ts';
import { type Forward, predict } from '../forward.ts';
import { conditionsOf, type Guidance } from '../guidance.ts';
import { drawsFor } from '../sampling.ts';
import { idsByPosition, remainingPositions, type TokenState, withTokens } from '../tokenState.ts';
import { keepMostConfident, maskgitPositions } from './maskgit.ts';
import { roarPositions } from './roar.ts';

/**
 * Generates the tokens of a picture-like target that the start does not hold. The counts of the plan
 * are over these; nothing is asked of the model where there are none.
 * @returns the state with the target complete
 */
export function* generateImage(
  engine: Engine,
  plan: TargetPlan,
  start: TokenState,
  guidance: Guidance,
): Forward<TokenState> {
  const { modality, scheme, counts, filters } = plan;
  const total = fieldOf(engine.modalities, modality, 'modalities').max_tokens;
  const first = engine.specials.sentinel(1);
  let state = start;
  if (remainingPositions(state, modality, total).length === 0) return state;
  for (const [step, planned] of counts.entries()) {
    const open = remainingPositions(state, modality, total);
    const count = Math.min(planned, open.length);
    if (count > 0) {
      const positions =
        scheme === 'roar'
          ? roarPositions(open, count, engine.chance, modality, step)
          : maskgitPositions(open);
      const temperature = itemAt(plan.stepTemperatures, step, 'temperatures');
      const addresses = positions.map((position) => ({ target: modality, step, position }));
      const predicted = yield* predict({
        modality,
        step,
        positions,
        ...(positions.length < open.length && { chosenBy: engine.chance.name }),
        conditions: conditionsOf(state, modality, guidance, engine.modalities, first),
        sampling: { temperature, ...filters },
        draws: drawsFor(addresses, temperature, engine.chance),
      });
      const candidates = positions.map((position, i) => ({
        position,
        id: itemAt(predicted.ids, i, 'predicted ids'),
      }));
      const settled =
        scheme === 'roar'
          ? candidates
          : keepMostConfident(
              candidates.map((candidate, i) => ({
                ...candidate,
                confidence: itemAt(predicted.confidence, i, 'confidences'),
                likelihood: itemAt(predicted.likelihood, i, 'likelihoods'),
              })),
              count,
            );
      const tokens = new Map(settled.map(({ position, id }) => [position, id]));
      state = withTokens(state, modality, tokens, `${engine.chance.name}/${step}`);
    }
    engine.onTokens?.(modality, idsByPosition(state, modality));
    engine.onStep?.(modality, step + 1, counts.length);
  }
  return state;
}
