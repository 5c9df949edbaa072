/** What is refused from the model's description alone: code and pointer of each case. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type GenerateRequestBody, generateRequestSchema } from '../../shared/api/generate.ts';
import type { Modality, Model } from '../../shared/api/models.ts';
import { FailureError } from '../../shared/api/problem.ts';
import { selectModel } from '../../shared/plan/names.ts';
import { planRequest } from '../../shared/plan/plan.ts';

const image = (name: string, modalities: string[], more: Partial<Modality> = {}): Modality => ({
  name,
  modalities,
  type: 'img',
  presentation: 'rgb',
  input: true,
  output: true,
  vocabulary: 16,
  tokens: 4,
  input_size: 32,
  accepts: ['image', 'tokens'],
  ...more,
});
const text = (name: string, more: Partial<Modality> = {}): Modality => ({
  ...image(name, [name]),
  type: 'seq',
  presentation: 'text',
  input_size: null,
  accepts: ['text', 'tokens'],
  ...more,
});
const model: Model = {
  id: 'tiny',
  digest: '0',
  licence: 'none',
  precision: 'fp32',
  parameters: 1,
  modalities: [
    image('rgb', ['rgb@32', 'tok_rgb@32']),
    image('depth', ['tok_depth@32']),
    image('clip', ['tok_clip@32'], { accepts: ['tokens'] }),
    text('caption'),
    text('t5_caption', { type: 'seq_emb', input: false, output: false, accepts: [] }),
    image('rgb@64', ['rgb@64', 'tok_rgb@64'], { input_size: 64 }),
    image('thermal', ['thermal@32'], { output: false, accepts: ['image'] }),
  ],
};
const picture = { data: 'aGk=' };
const check = (
  inputs: GenerateRequestBody['inputs'],
  ...targets: NonNullable<GenerateRequestBody['targets']>
) => {
  try {
    planRequest(generateRequestSchema.parse({ inputs, targets }), model);
    return undefined;
  } catch (error) {
    if (!(error instanceof FailureError)) throw error;
    return [error.failure.code, error.failure.errors?.[0]?.pointer];
  }
};

test('what fits passes, under public and exact names', () => {
  assert.equal(check({ rgb: picture }, 'depth', 'caption', 'rgb'), undefined);
  assert.equal(check({ 'tok_depth@32': { tokens: [0, 1, 2, 15] } }, 'tok_rgb@32'), undefined);
  assert.equal(check({ caption: 'a cube' }, { modality: 'rgb', scheme: 'maskgit' }), undefined);
  assert.equal(check({ 'rgb@32': picture }, 'tok_rgb@32'), undefined);
  assert.equal(check({ rgb: picture }, 'rgb@64'), undefined, 'a second size, by its public name');
  assert.equal(check({ 'rgb@64': picture }, 'rgb@64'), undefined);
});

const cases: readonly [string, ReturnType<typeof check>, ...Parameters<typeof check>][] = [
  ['unknown input', ['unknown_modality', '/inputs/sound'], { sound: picture }, 'depth'],
  ['embeddings', ['unknown_modality', '/inputs/t5_caption'], { t5_caption: 'a' }, 'depth'],
  ['unknown target', ['unknown_target', '/targets/1'], { rgb: picture }, 'depth', 'sound'],
  ['pixels as target', ['input_only', '/targets/0'], { caption: 'a' }, 'rgb@32'],
  ['only pixels', ['input_only', '/targets/0'], { caption: 'a' }, 'thermal'],
  ['embedding as target', ['input_only', '/targets/0'], { caption: 'a' }, 't5_caption'],
  ['no tokenizer', ['no_tokenizer', '/inputs/clip'], { clip: picture }, 'depth'],
  ['text for a picture', ['invalid_input', '/inputs/rgb'], { rgb: { text: 'a' } }, 'depth'],
  ['picture for text', ['invalid_input', '/inputs/caption'], { caption: picture }, 'depth'],
  [
    'tokens for pixels',
    ['invalid_input', '/inputs/rgb@32'],
    { 'rgb@32': { tokens: [1, 1, 1, 1] } },
    'depth',
  ],
  [
    'token outside the vocabulary',
    ['invalid_input', '/inputs/depth/tokens/2'],
    { depth: { tokens: [0, 1, 16, 3] } },
    'rgb',
  ],
  ['wrong count', ['invalid_input', '/inputs/depth/tokens'], { depth: { tokens: [0] } }, 'rgb'],
  [
    'too many',
    ['invalid_input', '/inputs/caption/tokens'],
    { caption: { tokens: [1, 2, 3, 4, 5] } },
    'rgb',
  ],
  [
    'scheme of a sequence',
    ['scheme_mismatch', '/targets/0/scheme'],
    { rgb: picture },
    { modality: 'caption', scheme: 'roar' },
  ],
  [
    'scheme of a picture',
    ['scheme_mismatch', '/targets/0/scheme'],
    { rgb: picture },
    { modality: 'depth', scheme: 'autoregressive' },
  ],
  [
    'steps of a sequence',
    ['scheme_mismatch', '/targets/0/steps'],
    { rgb: picture },
    { modality: 'caption', steps: 3 },
  ],
  ['target twice', ['invalid_request', '/targets/1'], { rgb: picture }, 'depth', 'tok_depth@32'],
  ['input as target', ['invalid_request', '/targets/0'], { depth: picture }, 'depth'],
  [
    'input twice',
    ['invalid_request', '/inputs/tok_depth@32'],
    { depth: picture, 'tok_depth@32': picture },
    'rgb',
  ],
];
for (const [name, expected, ...request] of cases) {
  test(`refused: ${name}`, () => assert.deepEqual(check(...request), expected));
}

test('pointers escape what JSON pointers must', () => {
  assert.deepEqual(check({ 'a/b~c': picture }, 'depth'), ['unknown_modality', '/inputs/a~1b~0c']);
});

test('a model that is not loaded is answered with those that are', () => {
  assert.throws(
    () => selectModel('huge', [model]),
    (error) =>
      error instanceof FailureError &&
      error.failure.code === 'model_not_loaded' &&
      /tiny/.test(error.failure.detail),
  );
  assert.equal(selectModel(undefined, [model]), model);
});
