/** One picture-like target, step by step: the part MaskGIT and ROAR have in common. */
import type { TargetPlan } from '../../../shared/schedule.ts';
import type { Forward } from '../forward.ts';
import { decode } from '../forward.ts';
import type { Engine } from '../generate.ts';
import { decodeGuided, encodeGuided } from '../guidance.ts';
import { sampleToken, softmax } from '../sampling.ts';
import { remainingPositions, type TokenState, withTokens } from '../tokenState.ts';
import { type Candidate, keepMostConfident, maskgitPositions } from './maskgit.ts';
import { roarPositions } from './roar.ts';

/**
 * Generates all tokens of a picture-like target.
 * @param conditioning modalities that guidance empties
 * @returns the state with the target complete
 */
export function* generateImage(
  engine: Engine,
  plan: TargetPlan,
  start: TokenState,
  conditioning: readonly string[],
): Forward<TokenState> {
  const { modality, scheme, counts, topK, topP, guidanceScale } = plan;
  const total = engine.modalities[modality]!.max_tokens;
  let state = start;
  for (const [step, planned] of counts.entries()) {
    const open = remainingPositions(state, modality, total);
    const count = Math.min(planned, open.length);
    if (count > 0) {
      const positions =
        scheme === 'roar'
          ? roarPositions(open, count, engine.chance, modality, step)
          : maskgitPositions(open);
      const guidance = { scale: guidanceScale, conditioning };
      const guided = yield* encodeGuided(
        state,
        guidance,
        engine.modalities,
        engine.specials.sentinel(1),
      );
      const { data, vocabulary } = yield* decodeGuided(guided, (context) =>
        decode({ modality, positions, context, causal: false }),
      );
      const settings = { temperature: plan.stepTemperatures[step]!, topK, topP };
      const candidates = positions.map((position, row): Candidate => {
        const logits = data.subarray(row * vocabulary, (row + 1) * vocabulary);
        const address = { target: modality, step, position };
        const sampled = sampleToken(logits, settings, engine.chance, address);
        // ROAR keeps all it predicts, and does not ask how likely they are.
        const likelihood = scheme === 'roar' ? 1 : softmax(logits)[sampled.id]!;
        return { position, ...sampled, likelihood };
      });
      const kept = scheme === 'roar' ? candidates : keepMostConfident(candidates, count);
      state = withTokens(state, modality, new Map(kept.map(({ position, id }) => [position, id])));
    }
    engine.onStep?.(modality, step + 1, counts.length);
  }
  return state;
}
