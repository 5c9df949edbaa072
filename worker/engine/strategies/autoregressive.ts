/** Sequences: one token after the other, then the generated spans are merged into what was given. */
import type { TargetPlan } from '../../../shared/schedule.ts';
import type { Forward } from '../forward.ts';
import { decode } from '../forward.ts';
import type { Engine } from '../generate.ts';
import { decodeGuided, encodeGuided } from '../guidance.ts';
import { sampleToken } from '../sampling.ts';
import { mergeSpans } from '../spans.ts';
import { fullTokens, idsByPosition, type TokenState, withModality } from '../tokenState.ts';

/**
 * Generates a sequence target. A target of which nothing is visible shows its first sentinel to the
 * encoder. The encoder runs once; the decoder sees the whole prefix at every token.
 * @returns the state with the merged sequence in place of the target
 */
export function* generateSequence(
  engine: Engine,
  plan: TargetPlan,
  start: TokenState,
  conditioning: readonly string[],
): Forward<TokenState> {
  const { modality, temperature, topK, topP, guidanceScale } = plan;
  const { specials } = engine;
  const first = specials.sentinel(1);
  const given = [...idsByPosition(start, modality).values()];
  const visible = given.length > 0 ? given : [first];
  const state = withModality(start, modality, fullTokens(visible));

  const guidance = { scale: guidanceScale, conditioning };
  const guided = yield* encodeGuided(state, guidance, engine.modalities, first);
  const info = engine.modalities[modality]!;
  const bound = info.max_length ?? info.max_tokens;
  // What ends the loop: the sentinel after the last given one, and the end of the sequence.
  const gaps = visible.filter((id) => specials.isSentinel(id)).length;
  const stops = engine.stopTokens ?? [specials.eos, specials.sentinel(gaps + 1)];

  const generated = [first];
  for (let step = 0; step < plan.maxTokens; step++) {
    const positions = generated.map((_, i) => (i < bound ? i : 0));
    const { data } = yield* decodeGuided(guided, (context) =>
      decode({ modality, positions, ids: generated.slice(), context, causal: true }),
    );
    const address = { target: modality, step, position: 0 };
    const { id } = sampleToken(data, { temperature, topK, topP }, engine.chance, address);
    generated.push(id);
    engine.onStep?.(modality, step + 1, plan.maxTokens);
    if (stops.includes(id)) break;
  }
  return withModality(state, modality, fullTokens(mergeSpans(visible, generated, specials)));
}
