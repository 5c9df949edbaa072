/** A global embedding in one pass and in several, and features: as the tasks ask the scheduler for them. */
import type { FmManifest } from '../../../shared/model/manifest.ts';
import { tokenCounts } from '../../../shared/schedule.ts';
import { GREEDY, type PredictRequest } from '../../../worker/engine/forward.ts';
import {
  fullRows,
  fullTokens,
  type TokenState,
  withModality,
} from '../../../worker/engine/tokenState.ts';
import { decoderFlops, encoderFlops } from './flops.ts';
import type { Embedder } from './models.ts';

export const STEPS = 4;

const namesOf = ({ config, modalities }: FmManifest) => {
  const pixels = config.domains_in.find((name) => modalities[name]!.pixels)!;
  const target = config.domains_out.find((name) => name.endsWith('_global'))!;
  return { pixels, target };
};

let seed = 0;
/** A picture that was never seen before. */
function nextPicture(manifest: FmManifest): TokenState {
  const { pixels } = namesOf(manifest);
  const { max_tokens: tokens, patch_size: patch = 0 } = manifest.modalities[pixels]!;
  const width = 3 * patch ** 2;
  const phase = ++seed;
  const rows = Float32Array.from({ length: tokens * width }, (_, i) => Math.sin(i * phase));
  return new Map([[pixels, fullRows(rows, width)]]);
}

const request = (
  modality: string,
  state: TokenState,
  positions: readonly number[],
): PredictRequest => ({
  kind: 'predict',
  modality,
  step: 0,
  positions,
  conditions: [{ state, weight: 1 }],
  sampling: GREEDY,
  draws: positions.map(() => 0.5),
});

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** Kinds of work over one picture. */
export const WORKS = {
  async one_pass({ manifest, lane }: Embedder): Promise<void> {
    const { target } = namesOf(manifest);
    const positions = upTo(manifest.modalities[target]!.max_tokens);
    await lane.run([request(target, nextPicture(manifest), positions)]);
  },
  async four_steps({ manifest, lane }: Embedder): Promise<void> {
    const { target } = namesOf(manifest);
    const total = manifest.modalities[target]!.max_tokens;
    const picture = nextPicture(manifest);
    let known = 0;
    for (const count of tokenCounts('cosine', STEPS, total)) {
      const visible = fullTokens(upTo(known));
      const state = known === 0 ? picture : withModality(picture, target, visible);
      await lane.run([request(target, state, upTo(total).slice(known))]);
      known += count;
    }
  },
  async features({ manifest, lane }: Embedder): Promise<void> {
    await lane.features([nextPicture(manifest)]);
  },
} as const;

export type WorkName = keyof typeof WORKS;

/** Arithmetic of a kind of work, in 1e9. */
export function flopsOf(name: WorkName, { config, modalities }: FmManifest): number {
  const { pixels, target } = namesOf({ config, modalities } as FmManifest);
  const picture = modalities[pixels]!.max_tokens;
  const { max_tokens: total, vocab_size: vocabulary = 0 } = modalities[target]!;
  const projection = (2 * picture * 3 * modalities[pixels]!.patch_size! ** 2 * config.dim) / 1e9;
  const step = (known: number): number =>
    projection +
    encoderFlops(config, picture + known) +
    decoderFlops(config, { context: picture + known, targets: total - known, vocabulary });
  switch (name) {
    case 'features':
      return projection + encoderFlops(config, picture);
    case 'one_pass':
      return step(0);
    case 'four_steps': {
      let [sum, known] = [0, 0];
      for (const count of tokenCounts('cosine', STEPS, total)) {
        sum += step(known);
        known += count;
      }
      return sum;
    }
  }
}
