/** Whole generations of random settings on a model: for asserting that batches change nothing. */

import type { FmManifest } from '../../shared/model/manifest.ts';
import { NO_FILTERS } from '../../shared/plan/filters.ts';
import type { TargetPlan } from '../../shared/plan/targetPlan.ts';
import { temperatures, tokenCounts } from '../../shared/schedule.ts';
import type { Forward } from '../../worker/engine/forward.ts';
import { type Generated, generateTargets } from '../../worker/engine/generate.ts';
import { philox } from '../../worker/engine/rng.ts';
import { seededChance } from '../../worker/engine/sampling.ts';
import type { SpecialTokens } from '../../worker/engine/spans.ts';
import { fullTokens, type TokenState, type VisibleTokens } from '../../worker/engine/tokenState.ts';

/** Reproducible choices. */
export interface Choices {
  readonly below: (count: number) => number;
  readonly share: () => number;
  readonly of: <T>(list: readonly T[]) => T;
  /** Some of a list, in its order. */
  readonly some: <T>(list: readonly T[], count: number) => T[];
}

export function choices(seed: number): Choices {
  let counter = 0;
  const share = (): number => philox([counter++, 0, 0, 9], [seed, 7])[0] / 2 ** 32;
  const below = (count: number): number => Math.floor(share() * count);
  return {
    below,
    share,
    of: (list) => list[below(list.length)]!,
    some: (list, count) => {
      const rest = [...list.keys()];
      const taken = Array.from({ length: Math.min(count, rest.length) }, () => {
        return rest.splice(below(rest.length), 1)[0]!;
      });
      return taken.sort((a, b) => a - b).map((index) => list[index]!);
    },
  };
}

/** Inputs of some of a model's modalities, parts of grids among them. */
export function randomInputs({ config, modalities }: FmManifest, random: Choices): TokenState {
  const state = new Map<string, VisibleTokens>();
  for (const name of random.some(config.domains_in, 1 + random.below(3))) {
    const info = modalities[name]!;
    const isGrid = info.type === 'img';
    const count = 1 + random.below(isGrid ? info.max_tokens - 1 : 8);
    const all = Array.from({ length: info.max_tokens }, (_, i) => i);
    const positions = isGrid ? random.some(all, count) : all.slice(0, count);
    if (info.pixels || info.type === 'seq_emb') {
      const width = info.pixels ? 3 * info.patch_size! ** 2 : info.embedding_size!;
      const phase = random.below(1000);
      const rows = Float32Array.from({ length: count * width }, (_, i) => Math.sin(phase + i * i));
      state.set(name, { positions, content: { kind: 'rows', rows, width } });
    } else {
      // Words only: what looks like a gap would be one.
      const ids = positions.map(() => info.vocab_size! - 1 - random.below(info.vocab_size! >> 2));
      state.set(name, { positions, content: { kind: 'ids', ids } });
    }
  }
  return state;
}

function randomTarget(
  { modalities }: FmManifest,
  modality: string,
  inputs: TokenState,
  random: Choices,
): TargetPlan {
  const info = modalities[modality]!;
  const sequence = info.type === 'seq';
  const scheme = sequence ? 'autoregressive' : random.of(['maskgit', 'roar'] as const);
  const temperature = random.of([0, 0.8, 1, 3]);
  const open = info.max_tokens - (inputs.get(modality)?.positions.length ?? 0);
  const steps = 1 + random.below(4);
  const counts = sequence ? [] : tokenCounts(random.of(['cosine', 'linear']), steps, open);
  const schedule = random.of(['constant', 'linear', 'onex:0.5:0.5']);
  const weights = Object.fromEntries(
    [...inputs.keys()].map((name) => [name, random.of([2, -1, 0, 0.5])]),
  );
  return {
    modality,
    scheme,
    counts,
    temperature,
    stepTemperatures: temperatures(schedule, temperature, counts),
    filters: { ...NO_FILTERS, topK: random.of([0, 5, 0.25]), topP: random.of([0, 0.8]) },
    guidanceScale: random.of([1, 2, -0.5]),
    ...(random.below(3) === 0 && { guidance: weights }),
    maxTokens: 1 + random.below(6),
  };
}

/**
 * A request by its number: random inputs (parts of grids among them), one to three targets, one or two
 * samples. Called again it gives the same generations, not yet run.
 */
export function randomGenerations(
  manifest: FmManifest,
  specials: SpecialTokens,
  number: number,
): Forward<Generated>[] {
  const random = choices(number);
  const inputs = randomInputs(manifest, random);
  const names = random.some(manifest.config.domains_out, 1 + random.below(3));
  // A sequence that is given whole has nothing to be generated.
  const state = new Map(inputs);
  for (const name of names) {
    if (manifest.modalities[name]!.type !== 'seq' || !state.has(name)) continue;
    const { content } = state.get(name)!;
    if (content.kind === 'ids') state.set(name, fullTokens([...content.ids, specials.sentinel(1)]));
  }
  const targets = names.map((name) => randomTarget(manifest, name, state, random));
  const plan = { targets, chained: random.below(2) === 0, conditioning: [...state.keys()] };
  return Array.from({ length: 1 + random.below(2) }, (_, sample) => {
    const chance = seededChance(number, sample);
    return generateTargets({ modalities: manifest.modalities, specials, chance }, plan, state);
  }).flat();
}
