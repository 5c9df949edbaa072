/**
 * The engine on the exported reference model against recorded runs of the reference's sampler: the same
 * tokens at every step, and the same probabilities, with the recorded random choices in place of ours.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { FmManifest } from '../../shared/model/manifest.ts';
import type { PassCount } from '../../worker/batching/passes.ts';
import { fusedRunner } from '../../worker/batching/runner.ts';
import { plainRunner } from '../../worker/compare/plain.ts';
import { type ExportedModel, exportedFm } from '../support/exported.ts';
import { type ReplayOptions, replay } from '../support/replay.ts';
import { sharedPath, skipWithout } from '../support/shared.ts';
import { readTrace, type Trace } from '../support/trace.ts';

/** Probabilities are compared in absolute terms; the reference computes in fp32. */
const PROBABILITY_TOLERANCE = 2e-5;

const TRACES = [
  'mg1_t0',
  'mg8cos_t0',
  'mg8cos_conf_cfg2_b2',
  'mg5lin_sample_topp',
  'mg4cos_sample_topk',
  'mg4cos_greedy_topkfrac',
  'multi_guided_mg4',
  'roar1_t0',
  'roar8_t0',
  'roar6_t0_cfg2',
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

  const run = (trace: Trace, row: number, options: ReplayOptions = {}) =>
    replay(
      trace,
      row,
      model.manifest.modalities,
      (pick) => plainRunner({ ...model, fm: model.manifest }, { pick }),
      options,
    );
  /** The same on the graph that draws for itself, from numbers that lead to the recorded tokens. */
  const runFused = async (trace: Trace, row: number, options: ReplayOptions = {}) => {
    const { draws } = await run(trace, row, options);
    const fused = fusedRunner(model.manifest, model.generate);
    return await replay(trace, row, model.manifest.modalities, () => fused, { ...options, draws });
  };

  for (const [runner, onRunner] of Object.entries({ plain: run, fused: runFused })) {
    for (const name of TRACES) {
      test(`${name}, ${runner}`, async () => {
        const trace = await readTrace(name);
        const expectedSteps = trace.targets.reduce((sum, { counts }) => sum + counts.length, 0);
        for (let row = 0; row < trace.rows; row++) {
          const { results, worst, steps } = await onRunner(trace, row);
          for (const { modality } of trace.targets) {
            assert.deepEqual(results.get(modality), trace.expected(modality, row), modality);
          }
          assert.equal(steps, expectedSteps, 'every step was compared');
          assert.equal(Number.isNaN(worst), expectedSteps === 0, 'probabilities were compared');
          if (expectedSteps > 0) {
            assert.ok(worst < PROBABILITY_TOLERANCE, `probabilities differ by ${worst}`);
          }
        }
      });
    }

    // The reference goes on until its slowest row has ended, and keeps what the others wrote meanwhile.
    test(`ar_caption_stop_b2, ${runner}: the recorded ids, and each row ended by its own stop`, async () => {
      const trace = await readTrace('ar_caption_stop_b2');
      assert.equal(trace.rows, 2);
      for (let row = 0; row < trace.rows; row++) {
        const expected = trace.expected('caption', row);
        const whole = await onRunner(trace, row, { stops: [], maxTokens: expected.length });
        assert.deepEqual(whole.results.get('caption'), expected);
        const { results } = await onRunner(trace, row);
        const end = expected.indexOf(214) + 1;
        assert.ok(end > 0);
        assert.deepEqual(results.get('caption'), expected.slice(0, end));
      }
    });
  }

  test('a sequence costs one encoder pass, and two with guidance', async () => {
    const passesOf = async (name: string): Promise<PassCount> => {
      const passes = { encoder: 0, decoder: 0 };
      await run(await readTrace(name), 0, { passes });
      return passes;
    };
    const plain = await passesOf('ar_caption_t0');
    const guided = await passesOf('ar_caption_t0_cfg2');
    assert.deepEqual([plain.encoder, guided.encoder], [1, 2]);
    assert.equal(guided.decoder, 2 * plain.decoder);
  });
});
