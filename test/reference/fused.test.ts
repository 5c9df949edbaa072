/**
 * The graph that generates in one run against the plain schedule: encoder and decoder graphs one after
 * the other, guidance and sampling in JavaScript in double precision, nothing kept and nothing shared.
 */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { FmManifest } from '../../shared/model/manifest.ts';
import { NO_FILTERS } from '../../shared/plan/filters.ts';
import { fusedRunner } from '../../worker/batching/runner.ts';
import { plainRunner } from '../../worker/compare/plain.ts';
import type {
  Condition,
  ForwardRequest,
  Predicted,
  RunRequests,
  Written,
} from '../../worker/engine/forward.ts';
import { philox } from '../../worker/engine/rng.ts';
import type { TokenState, VisibleTokens } from '../../worker/engine/tokenState.ts';
import { type ExportedModel, exportedFm } from '../support/exported.ts';
import { REPOSITORY } from '../support/shared.ts';

/** Whole numbers and shares from a seed. */
function randomSource(seed: number) {
  let counter = 0;
  const next = () => philox([counter++, 0, 0, 0], [seed, 1])[0];
  return {
    below: (count: number) => next() % count,
    share: () => next() / 2 ** 32,
    pick: <T>(list: readonly T[]): T => list[next() % list.length]!,
  };
}
type Random = ReturnType<typeof randomSource>;

/** Some tokens of some modalities. */
function randomState({ config, modalities }: FmManifest, random: Random): TokenState {
  const state = new Map<string, VisibleTokens>();
  for (const name of config.domains_in) {
    if (random.below(3) === 0) continue;
    const info = modalities[name]!;
    const isGrid = info.type === 'img';
    const count = 1 + random.below(isGrid ? 40 : 12);
    const places = new Set<number>();
    while (places.size < count) places.add(random.below(info.max_tokens));
    const positions = [...places].sort((a, b) => a - b).map((place, i) => (isGrid ? place : i));
    const width = info.pixels ? 3 * info.patch_size! ** 2 : info.embedding_size!;
    state.set(name, {
      positions,
      content:
        info.pixels || info.type === 'seq_emb'
          ? {
              kind: 'rows',
              width,
              rows: Float32Array.from({ length: count * width }, () => 2 * random.share() - 1),
            }
          : { kind: 'ids', ids: positions.map(() => random.below(info.vocab_size!)) },
    });
  }
  return state;
}

const EMPTY: TokenState = new Map();
const SAMPLINGS = [
  { temperature: 0 },
  { temperature: 1 },
  { temperature: 0.7, topK: 10 },
  { temperature: 2, topK: 0.25, topP: 0.5 },
  { temperature: 1, topP: 0.9 },
  { temperature: 1e-9, topP: 0.8 },
].map((settings) => ({ ...NO_FILTERS, ...settings }));

/** Any request that a model can be asked, other states and settings each time. */
function randomRequest(manifest: FmManifest, random: Random, states: TokenState[]): ForwardRequest {
  const { config, modalities } = manifest;
  const modality = random.pick(config.domains_out);
  const info = modalities[modality]!;
  const weights = random.pick([[1], [2, -1], [1.5, -0.5, 0]] as const);
  const conditions = weights.map((weight, i): Condition => {
    if (i > 0 && random.below(3) === 0) return { state: EMPTY, weight };
    return { state: random.pick(states), weight };
  });
  const sampling = random.pick(SAMPLINGS);
  const draws = (count: number) => Array.from({ length: count }, () => random.share());
  if (info.type === 'seq') {
    const steps = random.pick([1, 5, 8]);
    const ids = [random.below(info.vocab_size!)];
    return { kind: 'write', modality, conditions, ids, sampling, draws: draws(steps), stops: [7] };
  }
  const count = 1 + random.below(Math.min(30, info.max_tokens));
  const places = new Set<number>();
  while (places.size < count) places.add(random.below(info.max_tokens));
  const positions = [...places].sort((a, b) => a - b);
  return {
    kind: 'predict',
    modality,
    step: 0,
    positions,
    conditions,
    sampling,
    draws: draws(count),
  };
}

for (const name of ['fm_gelu_bias', 'fm_register_shared']) {
  describe(name, () => {
    let model: ExportedModel<FmManifest>;
    let fused: RunRequests;
    let plain: RunRequests;
    before(async () => {
      model = await exportedFm(`${REPOSITORY}/test/cases/${name}/weights.safetensors`);
      fused = fusedRunner(model.manifest, model.generate);
      plain = plainRunner({ fm: model.manifest, encoder: model.encoder, decoder: model.decoder });
    });
    after(() => model.close());

    test('any mix of requests is answered as by the plain schedule', async () => {
      let differing = 0;
      let compared = 0;
      for (let seed = 0; seed < 12; seed++) {
        const random = randomSource(seed);
        const states = Array.from({ length: 4 }, () => randomState(model.manifest, random));
        const requests = Array.from({ length: 6 }, () =>
          randomRequest(model.manifest, random, states),
        );
        const [actual, expected] = [await fused(requests), await plain(requests)];
        for (const [i, request] of requests.entries()) {
          const [own, other] = [actual[i]!, expected[i]!];
          compared += other.ids.length;
          const same = other.ids.filter((id, k) => own.ids[k] === id).length;
          differing += other.ids.length - same;
          if (request.kind === 'write') continue;
          const [found, wanted] = [own as Predicted, other as Predicted];
          for (const [k, id] of wanted.ids.entries()) {
            if (found.ids[k] !== id) continue;
            assert.ok(
              Math.abs(found.confidence[k]! - wanted.confidence[k]!) < 2e-4,
              `seed ${seed}`,
            );
            assert.ok(Math.abs(found.likelihood[k]! - wanted.likelihood[k]!) < 2e-5);
          }
        }
      }
      // A draw that falls within rounding of a border may fall on its other side.
      assert.ok(differing <= compared / 500, `${differing} of ${compared} tokens differ`);
    });

    test('together as alone, token for token', async () => {
      for (let seed = 100; seed < 110; seed++) {
        const random = randomSource(seed);
        const states = Array.from({ length: 3 }, () => randomState(model.manifest, random));
        const requests = Array.from({ length: 8 }, () =>
          randomRequest(model.manifest, random, states),
        );
        const together = await fused(requests);
        for (const [i, request] of requests.entries()) {
          const [alone] = await fused([request]);
          assert.deepEqual(alone!.ids, together[i]!.ids, `seed ${seed}, request ${i}`);
        }
      }
    });

    test('what nothing was seen for is a constant, and is known the second time', async () => {
      const modality = model.manifest.config.domains_out.find(
        (target) => model.manifest.modalities[target]!.type === 'img',
      )!;
      const positions = [3, 17, 44];
      const request: ForwardRequest = {
        kind: 'predict',
        modality,
        step: 0,
        positions,
        conditions: [{ state: EMPTY, weight: 1 }],
        sampling: SAMPLINGS[0]!,
        draws: positions.map(() => 0),
      };
      const [first] = await fused([request]);
      const [again] = await fused([request]);
      const [expected] = await plain([request]);
      assert.deepEqual(again, first);
      assert.deepEqual(again!.ids, expected!.ids);
    });

    test('a sequence in pieces is the sequence in one', async () => {
      const random = randomSource(7);
      const states = [randomState(model.manifest, random), randomState(model.manifest, random)];
      const modality = model.manifest.config.domains_out.find(
        (target) => model.manifest.modalities[target]!.type === 'seq',
      )!;
      const draws = Array.from({ length: 24 }, () => random.share());
      const common = {
        kind: 'write' as const,
        modality,
        conditions: [
          { state: states[0]!, weight: 2 },
          { state: states[1]!, weight: -1 },
        ],
        sampling: SAMPLINGS[1]!,
        stops: [],
      };
      const [whole] = await fused([{ ...common, ids: [5], draws }]);
      const ids = [5];
      let cache: Written['cache'] | undefined;
      for (let start = 0; start < 24; start += 6) {
        const piece = { ...common, ids: [...ids], draws: draws.slice(start, start + 6) };
        const other = { ...piece, conditions: [common.conditions[0]!] };
        // The pieces are written beside another sequence the first time only.
        const beside = start === 0 ? [other] : [];
        const [written] = (await fused([
          { ...piece, ...(cache && { cache }) },
          ...beside,
        ])) as Written[];
        cache = written!.cache;
        ids.push(...written!.ids);
      }
      assert.deepEqual(ids.slice(1), whole!.ids);
    });
  });
}
