/** Which pictures OpenAI's clients can ask the loaded models for, and that the plan of each makes them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { paintingOf } from '../../edge/compatible/painting.ts';
import { generateRequestSchema } from '../../shared/api/generate.ts';
import type { Modality, Model } from '../../shared/api/models.ts';
import { FailureError } from '../../shared/api/problem.ts';
import { planRequest } from '../../shared/plan/plan.ts';
import { MODEL } from '../support/fakeModel.ts';

const [rgb] = MODEL.modalities;
/** A model that makes pictures of twice the side from those of the first one. */
const LARGER: Model = {
  ...MODEL,
  id: 'larger',
  modalities: [
    { ...(rgb as Modality), output: false },
    {
      ...(rgb as Modality),
      name: 'rgb@128',
      modalities: ['tok_rgb@128'],
      input: false,
      input_size: 128,
      tokens: 64,
    },
  ],
};
const BLIND: Model = { ...MODEL, id: 'blind', modalities: MODEL.modalities.slice(1) };

const refused = (ask: () => unknown): [string, string] => {
  try {
    ask();
  } catch (error) {
    if (error instanceof FailureError) return [error.failure.code, error.failure.detail];
    throw error;
  }
  return assert.fail('it was not refused');
};

test('a size is the own one of a model, or that of a model which makes it larger', () => {
  const models = [BLIND, MODEL, LARGER];
  assert.equal(paintingOf({}, models).model.id, 'fake');
  for (const [size, targets, makers] of [
    ['auto', ['rgb'], ['fake']],
    ['64x64', ['rgb'], ['fake']],
    ['128x128', ['rgb', 'rgb@128'], ['fake', 'larger']],
  ] as const) {
    const painting = paintingOf({ size }, models);
    assert.deepEqual(painting.targets, targets);
    const request = generateRequestSchema.parse({
      inputs: { caption: 'a cone' },
      targets: painting.targets,
    });
    const plan = planRequest(request, painting.model, models);
    assert.deepEqual(
      plan.stages.map(({ model }) => model.id),
      makers,
    );
    assert.equal(plan.stages.at(-1)?.targets.at(-1)?.entry.input_size, painting.side);
  }
});

test('other sizes and models are refused with what there is', () => {
  const models = [MODEL, LARGER, BLIND];
  for (const size of ['128x64', '32x32', '0x0'])
    assert.match(refused(() => paintingOf({ size }, models))[1], /auto or 64x64 or 128x128/);
  const [code, detail] = refused(() => paintingOf({ model: 'blind' }, models));
  assert.equal(code, 'unknown_target');
  assert.match(
    detail,
    /blind paints no pictures from text: it takes photo, caption.*; models that do are fake$/,
  );
  assert.equal(refused(() => paintingOf({ model: 'x' }, models))[0], 'model_not_loaded');
  assert.match(refused(() => paintingOf({}, [BLIND]))[1], /no loaded model does/);
});
