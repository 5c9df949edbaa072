/** Chains that a model recommends: when further targets come before the one that was asked for. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type GenerateRequestBody, generateRequestSchema } from '../../shared/api/generate.ts';
import type { Model } from '../../shared/api/models.ts';
import { planRequest } from '../../shared/plan/plan.ts';
import { followRecommended } from '../../shared/plan/via.ts';
import { base } from '../support/describedModels.ts';

const RECOMMENDED: Readonly<Record<string, readonly string[]>> = {
  rgb: ['det', 'semseg'],
  semseg: ['det'],
};
const model: Model = {
  ...base,
  modalities: base.modalities.map((entry) => {
    const via = RECOMMENDED[entry.name];
    return via ? { ...entry, recommended: { from_text: { steps: 6, via: [...via] } } } : entry;
  }),
};
const caption = 'a red box';

/** Names of the targets in order, and what is said of them. */
function followed(body: GenerateRequestBody) {
  const { request, via } = followRecommended(generateRequestSchema.parse(body), model);
  return { names: request.targets.map(({ modality }) => modality), via };
}

test('from words alone, a picture is made by way of boxes and a layout', () => {
  assert.deepEqual(followed({ inputs: { caption }, targets: ['rgb'] }), {
    names: ['det', 'semseg', 'rgb'],
    via: { rgb: ['det', 'semseg'] },
  });
});

test('a target keeps its own settings, and the further ones have the recommended ones', () => {
  const body = { inputs: { caption }, targets: [{ modality: 'tok_rgb@224', steps: 3 }] };
  const { request } = followRecommended(generateRequestSchema.parse(body), model);
  const [stage] = planRequest(request, model).stages;
  const steps = stage?.targets.map(({ name, plan }) => [name, plan.counts.length]);
  assert.deepEqual(steps, [
    ['det', 0],
    ['semseg', 6],
    ['rgb', 3],
  ]);
});

test('what is given, or asked for anyway, is not added', () => {
  const given = followed({ inputs: { caption, det: 'v0=1 v1=1 v2=9 v3=9 box' }, targets: ['rgb'] });
  assert.deepEqual(given, { names: ['semseg', 'rgb'], via: { rgb: ['semseg'] } });
  const asked = followed({ inputs: { caption }, targets: ['rgb', 'semseg'] });
  assert.deepEqual(asked, { names: ['det', 'rgb', 'semseg'], via: { rgb: ['det'] } });
  const twice = followed({ inputs: { caption }, targets: ['depth', 'semseg', 'rgb'] });
  assert.deepEqual(twice, { names: ['depth', 'det', 'semseg', 'rgb'], via: { semseg: ['det'] } });
});

test('a picture among the inputs, chained: false and presets leave the targets as they are', () => {
  const untouched: GenerateRequestBody[] = [
    { inputs: { caption, depth: { data: 'aGk=' } }, targets: ['rgb'] },
    { inputs: { caption }, targets: ['rgb'], chained: false },
    { inputs: { caption }, targets: ['rgb'], preset: 'anything-to-rgb' },
    { inputs: { caption }, targets: ['depth'] },
  ];
  for (const body of untouched) {
    assert.deepEqual(followed(body), { names: body.targets, via: {} });
  }
});
