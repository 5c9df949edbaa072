/**
 * The engine on the exported reference model against recorded runs of the reference's sampler: same
 * tokens, same probabilities, with the recorded random choices put in the place of ours.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { FmManifest } from '../../shared/model/manifest.ts';
import { forwardRunner } from '../../worker/batching/feeds.ts';
import { runLockstep } from '../../worker/batching/lockstep.ts';
import { type Engine, generate } from '../../worker/engine/generate.ts';
import { generateImage } from '../../worker/engine/strategies/image.ts';
import { idsByPosition, withTokens } from '../../worker/engine/tokenState.ts';
import { type ExportedModel, exportedFm } from '../support/exported.ts';
import { sharedPath, skipWithout } from '../support/shared.ts';
import { REFERENCE_SPECIALS, readTrace, type Trace } from '../support/trace.ts';

/** Probabilities are compared in absolute terms; the reference computes in fp32. */
const PROBABILITY_TOLERANCE = 2e-5;

const TRACES = [
  'mg1_t0',
  'roar1_t0',
  'roar8_t0',
  'roar6_t0_cfg2',
  'mg8cos_conf_cfg2_b2',
  'mg4cos_sample_topk',
  'ar_caption_t0',
  'ar_caption_t0_cfg2',
  'ar_palette_t0',
  'ar_caption_spans_t0',
  'chain_caption_depth_rgb',
];

describe('generation traces', { skip: skipWithout('reference/generation') }, () => {
  let model: ExportedModel<FmManifest>;
  before(async () => {
    model = await exportedFm(sharedPath('reference/fm_swiglu_nobias/weights.safetensors'));
  });
  after(() => model?.close());

  const replay = async (trace: Trace, row: number) => {
    const errors: number[] = [];
    const engine: Engine = {
      modalities: model.manifest.modalities,
      specials: REFERENCE_SPECIALS,
      chance: trace.chance(row, errors),
      ...(trace.stop !== undefined && { stopTokens: [trace.stop] }),
    };
    const plan = { targets: trace.targets, chained: true, conditioning: trace.conditioning };
    const runner = forwardRunner({ ...model, fm: model.manifest });
    const passes = { encoder: 0, decoder: 0 };
    const forward = generate(engine, plan, trace.start(row));
    const [results] = await runLockstep([forward], runner, passes);
    return { results: results!, errors, passes };
  };

  for (const name of TRACES) {
    test(name, async () => {
      const trace = await readTrace(name);
      for (let row = 0; row < trace.rows; row++) {
        const { results, errors } = await replay(trace, row);
        for (const { modality } of trace.targets) {
          assert.deepEqual(results.get(modality), trace.expected(modality, row), modality);
        }
        const sampled = trace.targets.some(({ temperature }) => temperature > 0);
        assert.equal(errors.length > 0, sampled, 'probabilities were compared where there are any');
        const worst = Math.max(0, ...errors);
        assert.ok(worst < PROBABILITY_TOLERANCE, `probabilities differ by ${worst}`);
      }
    });
  }

  // Their filters leave many positions equally sure, and the reference breaks ties by no rule. So each
  // step starts from the recorded state, and what is kept may differ among equals only.
  for (const name of ['mg5lin_sample_topp', 'mg4cos_greedy_topkfrac']) {
    test(`${name}, step by step`, async () => {
      const trace = await readTrace(name);
      const [target] = trace.targets;
      for (const [step, count] of target!.counts.entries()) {
        const errors: number[] = [];
        const sureness = new Map<number, number>();
        const recorded = trace.chance(0, errors);
        const engine: Engine = {
          modalities: model.manifest.modalities,
          specials: REFERENCE_SPECIALS,
          chance: {
            ...recorded,
            pick: (probabilities, address) => {
              const id = recorded.pick(probabilities, { ...address, step });
              sureness.set(address.position, probabilities[id]!);
              return id;
            },
          },
        };
        const temperature = target!.stepTemperatures[step]!;
        const single = { ...target!, counts: [count], stepTemperatures: [temperature] };
        const before = trace.after(step - 1);
        const start =
          before.size > 0 ? withTokens(trace.start(0), single.modality, before) : trace.start(0);
        const forward = generateImage(engine, single, start, trace.conditioning);
        const runner = forwardRunner({ ...model, fm: model.manifest });
        const [state] = await runLockstep([forward], runner, { encoder: 0, decoder: 0 });
        const kept = idsByPosition(state!, single.modality);
        const expected = trace.after(step);
        assert.equal(kept.size, expected.size);
        const newly = [...expected.keys()].filter((position) => !before.has(position));
        const border = Math.min(...newly.map((position) => sureness.get(position)!));
        for (const [position, id] of kept) {
          if (expected.has(position)) assert.equal(id, expected.get(position));
          else assert.ok(Math.abs(sureness.get(position)! - border) < 1e-6, 'a tie');
        }
        assert.ok(Math.max(...errors) < PROBABILITY_TOLERANCE);
        assert.equal(errors.length, 16 - before.size);
      }
    });
  }

  test('a sequence costs one encoder pass, and two with guidance', async () => {
    const plain = await replay(await readTrace('ar_caption_t0'), 0);
    const guided = await replay(await readTrace('ar_caption_t0_cfg2'), 0);
    assert.deepEqual([plain.passes.encoder, guided.passes.encoder], [1, 2]);
    assert.equal(guided.passes.decoder, 2 * plain.passes.decoder);
  });
});
