/** Texts and JSON values that no modality could need are refused at once, by name and limit. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { InputValue } from '../../shared/api/generate.ts';
import type { Modality, Model } from '../../shared/api/models.ts';
import { FailureError } from '../../shared/api/problem.ts';
import { PUBLISHED_MODALITIES, publicName } from '../../shared/model/modalities.ts';
import { planInput } from '../../shared/plan/inputs.ts';
import { fitsCharacters, textLimit } from '../../shared/plan/textLimit.ts';

const entry = (own: string, accepts: Modality['accepts']): Modality => {
  const { type, presentation, vocab_size, max_tokens } = PUBLISHED_MODALITIES[own]!;
  const name = publicName(own);
  return {
    name,
    modalities: [own],
    type,
    presentation,
    input: true,
    output: true,
    vocabulary: vocab_size ?? null,
    tokens: max_tokens,
    input_size: null,
    accepts,
  };
};
const sequences = ['caption', 'det', 'metadata', 'color_palette', 'human_poses', 'sam_instance'];
const model: Model = {
  id: 'model',
  digest: '',
  licence: '',
  precision: 'fp32',
  parameters: 1,
  modalities: [
    ...sequences.map((name) => entry(name, ['text', 'value', 'tokens'])),
    entry('tok_dinov2_global', ['file', 'value', 'tokens']),
  ],
};
const plan = (name: string, value: InputValue) => planInput(model, name, value, () => false);
const refused = (name: string, pointer: string) => (error: unknown) => {
  assert.ok(error instanceof FailureError, String(error));
  assert.equal(error.failure.code, 'invalid_input');
  assert.match(error.failure.detail, new RegExp(`of ${name} has more than \\d+ characters`));
  assert.equal(error.failure.errors?.[0]?.pointer, pointer);
  return true;
};
const box = { xmin: 0.123456789, ymin: 0.2, xmax: 0.5, ymax: 0.9, class: 'dining table' };

describe('what is longer than its modality could need', () => {
  const long: [string, string, InputValue, string][] = [
    ['a caption of brackets', 'caption', '['.repeat(19_000_000), ''],
    ['a caption of words', 'caption', { text: 'red box '.repeat(12_000) }, '/text'],
    ['8 MB of boxes as text', 'det', 'v0=1 v1=2 v2=3 v3=4 dog '.repeat(350_000), ''],
    ['50,000 boxes', 'det', { value: Array.from({ length: 50_000 }, () => box) }, '/value'],
    [
      'a palette',
      'color_palette',
      { value: Array.from({ length: 9_000 }, () => '#ff0000') },
      '/value',
    ],
    ['metadata', 'metadata', { value: { original_width: 1, x: 'y'.repeat(1_000_000) } }, '/value'],
    ['a long key', 'metadata', { value: { ['y'.repeat(1_000_000)]: 1 } }, '/value'],
    [
      'captions',
      'caption',
      { value: Array.from({ length: 16 }, () => 'a'.repeat(90_000)) },
      '/value',
    ],
    ['poses', 'human_poses', 'human '.repeat(100_000), ''],
    ['instances', 'sam_instance', { text: 'point '.repeat(100_000) }, '/text'],
    [
      'a vector',
      'dinov2_global',
      { value: Array.from({ length: 65_000 }, () => 1.25e-7) },
      '/value',
    ],
  ];
  for (const [title, name, value, field] of long)
    test(`${title}`, () => {
      assert.throws(() => plan(name, value), refused(name, `/inputs/${name}${field}`));
    });

  test('a text takes 64 characters for each token, and no more', () => {
    assert.equal(textLimit({ presentation: 'text', tokens: 24 }), 1536);
    assert.doesNotThrow(() => plan('caption', 'a'.repeat(256 * 64)));
    assert.throws(
      () => plan('caption', 'a'.repeat(256 * 64 + 1)),
      refused('caption', '/inputs/caption'),
    );
  });

  test('everything that a model could answer stays below', () => {
    const vector = Array.from({ length: 1280 }, (_, i) => -Math.PI * 1e-7 * (i + 1));
    const person = {
      ...box,
      global_orient: [vector.slice(0, 9)],
      body_pose: vector.slice(0, 207),
      betas: vector.slice(0, 10),
      camera: vector.slice(0, 3),
    };
    const instance = { xmin: 1, ymin: 1, xmax: 2, ymax: 2, segmentation: 'x'.repeat(20_000) };
    assert.doesNotThrow(() => plan('dinov2_global', { value: vector }));
    assert.doesNotThrow(() =>
      plan(
        'human_poses',
        JSON.stringify(
          Array.from({ length: 7 }, () => person),
          undefined,
          2,
        ),
      ),
    );
    assert.doesNotThrow(() =>
      plan('sam_instance', { value: { points: Array.from({ length: 13 }, () => instance) } }),
    );
    assert.doesNotThrow(() =>
      plan('det', {
        text: JSON.stringify(
          Array.from({ length: 51 }, () => box),
          undefined,
          2,
        ),
      }),
    );
  });
});

test('the length of a value is that of compact JSON or a little more', () => {
  for (const value of [null, 'text', [1, [2.5, 'b']], { a: { b: [true, false] }, c: '' }, []]) {
    const { length } = JSON.stringify(value);
    assert.ok(fitsCharacters(value, length + 8), JSON.stringify(value));
    assert.ok(!fitsCharacters(value, length - 1), JSON.stringify(value));
  }
});
