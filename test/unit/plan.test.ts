/** Plans over descriptions of published models: presets, further models, partial inputs, their prices. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type GenerateRequestBody, generateRequestSchema } from '../../shared/api/generate.ts';
import type { Model } from '../../shared/api/models.ts';
import { FailureError } from '../../shared/api/problem.ts';
import { costOf } from '../../shared/plan/cost.ts';
import { dryRunResponse } from '../../shared/plan/dryRun.ts';
import { planRequest } from '../../shared/plan/plan.ts';
import { base, enlarging } from '../support/describedModels.ts';

const picture = { data: 'aGk=' };
const plan = (body: GenerateRequestBody, models: readonly Model[] = [base]) =>
  planRequest(generateRequestSchema.parse(body), models[0]!, models);
const names = (body: GenerateRequestBody, models?: readonly Model[]): string[] =>
  plan(body, models).stages.flatMap(({ targets }) => targets.map(({ name }) => name));
const refusal = (body: GenerateRequestBody, models?: readonly Model[]) => {
  try {
    plan(body, models);
  } catch (error) {
    if (error instanceof FailureError) return error.failure;
    throw error;
  }
  return undefined;
};

test('rgb-to-all: everything but what is given, in the order of the demos', () => {
  assert.deepEqual(names({ inputs: { rgb: picture }, preset: 'rgb-to-all' }), [
    'clip',
    'dinov2',
    'imagebind',
    'depth',
    'normal',
    'semseg',
    'canny_edge',
    'sam_edge',
    'caption',
    'det',
    'human_poses',
    'sam_instance',
    'color_palette',
    'metadata',
  ]);
  const { plan: targets } = dryRunResponse(
    plan({ inputs: { rgb: picture }, preset: 'rgb-to-all' }),
    {
      id: '',
      seed: 0,
      model: 'base',
    },
  );
  const of = (name: string) => targets.find(({ target }) => target === name)!;
  for (const name of ['clip', 'depth', 'sam_edge']) {
    assert.deepEqual([of(name).scheme, of(name).steps.length], ['roar', 1]);
    assert.deepEqual([of(name).temperature, of(name).top_p, of(name).guidance], [0.01, 0.8, 2]);
  }
  const texts = { caption: 0.3, det: 0.7, human_poses: 0.1, sam_instance: 0.01, metadata: 0.1 };
  for (const [name, temperature] of Object.entries(texts)) {
    assert.deepEqual([of(name).temperature, of(name).guidance], [temperature, 1], name);
  }
  assert.deepEqual(
    [of('human_poses').tokens, of('color_palette').tokens, of('metadata').tokens],
    [275, 23, 40],
  );
});

test('anything-to-rgb: features first, in the steps of the demos whatever is given', () => {
  const { stages } = plan({ inputs: { depth: picture }, preset: 'anything-to-rgb' });
  assert.deepEqual(
    stages[0]!.targets.map(({ name, plan: { counts, temperature, guidanceScale } }) => [
      name,
      counts.length,
      temperature,
      guidanceScale,
    ]),
    [
      ['clip', 50, 5, 3],
      ['rgb', 25, 3, 2],
    ],
  );
});

test('super-resolution: targets larger than what is given, of whichever model has them', () => {
  const tokens = Array.from({ length: 196 }, () => 0);
  const own = plan({ inputs: { rgb: { tokens } }, preset: 'super-resolution' }, [enlarging]);
  assert.deepEqual(
    own.stages[0]!.targets.map(({ plan: { modality, counts } }) => [modality, counts.length]),
    ['clip', 'depth', 'normal', 'semseg', 'rgb'].map((name) => [`tok_${name}@448`, 8]),
  );
  const other = plan({ inputs: { rgb: { tokens } }, preset: 'super-resolution' }, [
    base,
    enlarging,
  ]);
  assert.deepEqual(
    other.stages.map(({ model }) => model.id),
    ['sr'],
  );
  const none = refusal({ inputs: { rgb: { tokens } }, preset: 'super-resolution' }, [base]);
  assert.deepEqual([none?.code, none?.errors?.[0]?.pointer], ['unknown_target', '/preset']);
});

test("a model's own recommendation wins over the preset, and the request over both", () => {
  const modalities = base.modalities.map((entry) =>
    entry.name === 'depth' ? { ...entry, recommended: { from_picture: { steps: 7 } } } : entry,
  );
  const own = { ...base, modalities };
  const steps = (targets: GenerateRequestBody['targets']): number =>
    plan({ inputs: { rgb: picture }, preset: 'rgb-to-all', targets }, [own]).stages[0]!.targets[0]!
      .plan.counts.length;
  assert.deepEqual([steps(['depth']), steps(['normal'])], [7, 1]);
  assert.equal(steps([{ modality: 'depth', steps: 9 }]), 9);
});

test('super-resolution after the base model: a second stage, from what the first one made', () => {
  const body: GenerateRequestBody = {
    inputs: { rgb: picture, caption: 'a cube' },
    targets: ['depth', 'rgb@448', 'semseg', 'det'],
  };
  const { stages } = plan(body, [base, enlarging]);
  assert.deepEqual(
    stages.map(({ model, inputs, made, targets }) => ({
      model: model.id,
      inputs: inputs.map(({ modality }) => modality),
      made: made.map(({ modality }) => modality),
      targets: targets.map((target) => [target.name, target.plan.modality, target.index]),
    })),
    [
      {
        model: 'base',
        inputs: ['rgb@224', 'caption'],
        made: [],
        targets: [
          ['depth', 'tok_depth@224', 0],
          ['semseg', 'tok_semseg@224', 2],
          ['det', 'det', 3],
        ],
      },
      {
        model: 'sr',
        // The further model has a tokenizer for the picture where the first one takes pixels.
        inputs: ['tok_rgb@224', 'caption'],
        made: ['tok_depth@224', 'tok_semseg@224', 'det'],
        targets: [['rgb@448', 'tok_rgb@448', 1]],
      },
    ],
  );
  const [target] = stages[1]!.targets;
  assert.deepEqual([target!.plan.scheme, target!.plan.counts.length], ['maskgit', 8]);
});

test('what needs a model that is not loaded says what is', () => {
  const failure = refusal({ inputs: { rgb: picture }, targets: ['depth', 'rgb@448'] });
  assert.deepEqual(
    [failure?.code, failure?.errors?.[0]?.pointer],
    ['unknown_target', '/targets/1'],
  );
  assert.match(failure!.detail, /not loaded; loaded: base$/);
  const untokenized = { ...base, tokenizers: ['tok_rgb'] };
  const modalities = base.modalities.map((entry) =>
    entry.name === 'depth' ? { ...entry, accepts: ['tokens' as const] } : entry,
  );
  const missing = refusal({ inputs: { depth: picture }, targets: ['rgb'] }, [
    { ...untokenized, modalities },
  ]);
  assert.equal(missing?.code, 'no_tokenizer');
  assert.match(missing!.detail, /loaded tokenizers: tok_rgb/);
});

test('guidance names inputs and, in a chain, earlier targets, by public or own names', () => {
  const targets = ['depth', { modality: 'rgb', guidance: { caption: 2, depth: -1 } }];
  const chain = plan({ inputs: { caption: 'a cube' }, targets });
  assert.deepEqual(chain.stages[0]!.targets[1]!.plan.guidance, {
    caption: 2,
    'tok_depth@224': -1,
  });
  const failure = refusal({ inputs: { caption: 'a cube' }, targets, chained: false });
  assert.deepEqual(
    [failure?.code, failure?.errors?.[0]?.pointer],
    ['invalid_guidance', '/targets/1/guidance/depth'],
  );
});

test('guidance names no input twice: one of the weights would count for nothing', () => {
  const guidance = { depth: 1, 'tok_depth@224': 3 };
  const tokens = Array.from({ length: 196 }, () => 0);
  const failure = refusal({
    inputs: { depth: { tokens } },
    targets: [{ modality: 'normal', guidance }],
  });
  assert.deepEqual(
    [failure?.code, failure?.errors?.[0]?.pointer],
    ['invalid_guidance', '/targets/0/guidance/tok_depth@224'],
  );
});

test('unchained targets share the encoder; a partial grid costs what is left of it', () => {
  const targets = ['depth', 'normal', 'semseg'].map((modality) => ({
    modality,
    guidance_scale: 1,
  }));
  const cost = (body: GenerateRequestBody) => costOf(plan(body));
  const shared = cost({ inputs: { rgb: picture }, targets, chained: false });
  assert.deepEqual([shared.encoderPasses, shared.decoderPasses], [1, 3]);
  assert.equal(shared.units, 196 + 3 * 196);
  const chained = cost({ inputs: { rgb: picture }, targets });
  assert.deepEqual([chained.encoderPasses, chained.decoderPasses], [3, 3]);
  assert.equal(chained.units, 196 + 392 + 588 + 3 * 196);
  const tokens = Array.from({ length: 196 }, (_, i) => (i < 190 ? 0 : null));
  const depth = { modality: 'depth', steps: 1, guidance_scale: 1 };
  const rest = cost({ inputs: { depth: { tokens } }, targets: [depth] });
  assert.deepEqual([rest.units, rest.generatedTokens], [190 + 6, 6]);
});

test('too many steps are refused by what there is to generate', () => {
  const tokens = Array.from({ length: 196 }, (_, i) => (i < 190 ? 0 : null));
  const body = (steps: number): GenerateRequestBody => ({
    inputs: { depth: { tokens } },
    targets: [{ modality: 'depth', steps }],
  });
  assert.equal(refusal(body(6)), undefined);
  const failure = refusal(body(7));
  assert.deepEqual(
    [failure?.code, failure?.errors?.[0]?.pointer],
    ['invalid_target', '/targets/0/steps'],
  );
});

test('a text with a gap may be a target, a whole one may not', () => {
  const target = { inputs: { caption: 'a [S_1] cube' }, targets: ['caption'] };
  assert.equal(refusal(target), undefined);
  assert.equal(refusal({ ...target, inputs: { caption: 'a cube' } })?.code, 'invalid_request');
});

test('of several texts none can be completed, of a list of one it can', () => {
  const body = (value: string[]) => ({ inputs: { caption: { value } }, targets: ['caption'] });
  const failure = refusal(body(['a [S_1] cube', 'a box']));
  assert.deepEqual(
    [failure?.code, failure?.errors?.[0]?.pointer],
    ['invalid_input', '/inputs/caption/value'],
  );
  assert.equal(refusal(body(['a [S_1] cube'])), undefined);
  assert.equal(refusal({ ...body(['a [S_1] cube', 'a box']), targets: ['depth'] }), undefined);
});
