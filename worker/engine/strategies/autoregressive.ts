/** Sequences: one token after the other, then the generated spans are merged into what was given. */
import type { TargetPlan } from '../../../shared/plan/targetPlan.ts';
import type { Engine } from '../engine.ts';
import { type DecoderCache, type Forward, write } from '../forward.ts';
import { conditionsOf, type Guidance } from '../guidance.ts';
import { drawsFor } from '../sampling.ts';
import { closingSentinel, mergeSpans } from '../spans.ts';
import { fullTokens, idsByPosition, type TokenState, withModality } from '../tokenState.ts';

/** Tokens asked for at once: between two requests there is time to tell, to stop and to be late. */
export const TOKENS_A_REQUEST = 64;

/**
 * Generates the gaps of a sequence target, each of which a sentinel stands for; an emptied target is one gap.
 * A target without a gap is left as it is.
 * @returns the state with the merged sequence in place of the target
 */
export function* generateSequence(
  engine: Engine,
  plan: TargetPlan,
  state: TokenState,
  guidance: Guidance,
): Forward<TokenState> {
  const { modality, temperature, filters, maxTokens } = plan;
  const { specials } = engine;
  const visible = [...idsByPosition(state, modality).values()];
  const opening = visible.find(specials.isSentinel);
  if (opening === undefined) return state;

  const conditions = conditionsOf(
    state,
    modality,
    guidance,
    engine.modalities,
    specials.sentinel(1),
  );
  const stops = engine.stopTokens ?? [specials.eos, closingSentinel(visible, specials)];
  const ids = [opening];
  let cache: DecoderCache | undefined;
  for (let done = 0; done < maxTokens; done = ids.length - 1) {
    const count = Math.min(TOKENS_A_REQUEST, maxTokens - done);
    const addresses = Array.from({ length: count }, (_, i) => ({
      target: modality,
      step: done + i,
      position: 0,
    }));
    const written = yield* write({
      modality,
      conditions,
      ids: [...ids],
      ...(cache && { cache }),
      ...(done + count >= maxTokens && { isLast: true }),
      sampling: { temperature, ...filters },
      draws: drawsFor(addresses, temperature, engine.chance),
      stops,
    });
    if (written.ids.length === 0) throw new Error(`engine: nothing was written of ${modality}`);
    ids.push(...written.ids);
    cache = written.cache;
    engine.onStep?.(modality, ids.length - 1, maxTokens);
    if (written.ids.some((id) => stops.includes(id))) break;
  }
  const merged = mergeSpans(visible, ids, specials);
  return withModality(state, modality, fullTokens(merged, engine.chance.name));
}
