/** Words and JSON values as inputs: the tokens that they come to be, and what is refused. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { InputValue } from '../../shared/api/generate.ts';
import { FailureError } from '../../shared/api/problem.ts';
import { readInput } from '../../worker/tasks/inputs.ts';
import { encodeRle } from '../../worker/values/rle.ts';
import { recorder, refusal, upTo } from '../support/inputs.ts';
import { fc } from '../support/properties.ts';
import { fakeModel } from '../support/publishedModel.ts';

describe('sequences', () => {
  const { model, read, seen } = recorder();
  const textOf = async (name: string, value: InputValue) => {
    const { content } = await read(name, value);
    assert.ok(content.kind === 'ids' && content.ids.at(-1) === 3);
    return model.text.decode(content.ids);
  };

  test('several captions each count from 0', async () => {
    const { positions, content } = await read('caption', { value: ['a b', 'a', 'c d e'] });
    assert.deepEqual(positions, [0, 1, 2, 0, 1, 0, 1, 2, 3]);
    const [a, b] = model.text.encode('a b');
    assert.ok(content.kind === 'ids');
    assert.deepEqual(content.ids.slice(0, 5), [a, b, 3, a, 3]);
    assert.deepEqual((await read('caption', { value: 'a b' })).positions, [0, 1, 2]);
  });

  test('text may hold gaps; one at its end leaves the end open', async () => {
    const [a, b] = model.text.encode('a b');
    assert.deepEqual((await read('caption', 'a [S_1] b')).content, {
      kind: 'ids',
      ids: [a, 5, b, 3],
    });
    assert.deepEqual((await read('caption', 'a [S_1] b [S_2]')).content, {
      kind: 'ids',
      ids: [a, 5, b, 6],
    });
  });

  test('values are written in the format of their modality, as JSON or as text', async () => {
    const box = { xmin: 0, ymin: 0.1, xmax: 0.2, ymax: 1, class: 'dog' };
    const written = 'v0=0 v1=100 v2=200 v3=999 dog';
    for (const value of [{ value: [box] }, JSON.stringify([box]), written])
      assert.equal(await textOf('det', value), written);
    assert.equal(await textOf('det', { value: [] }), '');
    assert.equal(await textOf('color_palette', { value: ['#010203'] }), 'v1=1 v0=1 v0=2 v0=3');
    assert.equal(await textOf('metadata', { value: { n_humans: 2 } }), 'v1=5 v0=2');
    const mask_tokens = upTo(16);
    const point = { x: 4, y: 2 };
    const instance = { xmin: 1, ymin: 2, xmax: 3, ymax: 4, mask_tokens };
    assert.equal(
      await textOf('sam_instance', { value: { points: [{ point, instances: [instance] }] } }),
      `point v0=2 v1=4 polygon v0=1 v1=2 v2=3 v3=4 ${mask_tokens.map((id) => `v0=${id}`).join(' ')}`,
    );
  });

  test('run lengths of a mask become tokens where its tokenizer is loaded', async () => {
    const mask = new Uint8Array(224 * 224);
    for (let y = 50; y < 100; y++) mask.fill(1, y * 224 + 20, y * 224 + 60);
    const box = { xmin: 20, ymin: 50, xmax: 100, ymax: 100 };
    const given = { ...box, segmentation: encodeRle(mask, 224, 224) };
    const value = { points: [{ point: { x: 30, y: 60 }, instances: [given] }] };
    const words = await textOf('sam_instance', { value });
    assert.equal(words.split(' ').length, 3 + 21);
    assert.match(words, / v3=100 v0=0 v0=1 .* v0=15$/);
    const { pixels } = seen.at(-1)!;
    // The left half of the box is inside.
    assert.deepEqual(pixels!.dims, [1, 1, 64, 64]);
    const inside = Array.from(pixels!.data, Number);
    assert.ok(inside.every((part, i) => part === (i % 64 < 32 ? 1 : 0)));
    const runs = seen.length;
    const many = { points: [{ point: { x: 30, y: 60 }, instances: new Array(14).fill(given) }] };
    const overlong = refusal(read('sam_instance', { value: many }));
    assert.deepEqual(await overlong, ['invalid_input', '/inputs/sam_instance/value']);
    assert.equal(seen.length, runs, 'refused before a mask is encoded');
    const at = '/inputs/sam_instance/value/points/0/instances/0';
    const longer = { ...given.segmentation, counts: `${given.segmentation.counts}1` };
    const spoilt = { ...given, segmentation: longer };
    const points = [{ point: { x: 30, y: 60 }, instances: [spoilt] }];
    const refused = refusal(read('sam_instance', { value: { points } }));
    assert.deepEqual(await refused, ['invalid_input', `${at}/segmentation/counts`]);
    const without = readInput('sam_instance', { value }, fakeModel());
    assert.deepEqual(await refusal(without), ['no_tokenizer', `${at}/segmentation`]);
  });

  test('rotations of a body become tokens where its tokenizer is loaded', async () => {
    const identity = [
      [1, 0, 0],
      [0, 1, 0],
      [0, 0, 1],
    ];
    const person = {
      xmin: 0,
      ymin: 0,
      xmax: 1,
      ymax: 1,
      global_orient: identity,
      betas: new Array(10).fill(0),
      camera: [0.9, 0, 0],
      body_pose: upTo(23).map(() => identity),
    };
    const words = (await textOf('human_poses', { value: [person] })).split(' ');
    assert.equal(words.length, 39);
    const at = words.indexOf('pose');
    assert.deepEqual(
      words.slice(at + 1, at + 9),
      upTo(8).map((id) => `v0=${id}`),
    );
    assert.equal(await textOf('human_poses', { value: [] }), 'none');
    const place = '/inputs/human_poses/value/0';
    const short = { ...person, body_pose: [identity] };
    assert.deepEqual(await refusal(read('human_poses', { value: [short] })), [
      'invalid_input',
      `${place}/body_pose`,
    ]);
    const without = readInput('human_poses', { value: [person] }, fakeModel());
    assert.deepEqual(await refusal(without), ['no_tokenizer', `${place}/body_pose`]);
  });

  test('what does not fit is refused with its place', async () => {
    const box = { xmin: 0.5, ymin: 0, xmax: 1, ymax: 1, class: 'cat' };
    const cases: [string, InputValue, string][] = [
      ['caption', ' ', ''],
      ['caption', { value: ['a', ' '] }, '/value/1'],
      ['caption', { value: [] }, '/value'],
      ['caption', 'a '.repeat(256), ''],
      ['caption', { data: 'aGVsbG8=' }, ''],
      ['det', { value: [box, { ...box, xmin: 2 }] }, '/value/1/xmin'],
      ['det', { value: [{ ...box, xmax: 0.1 }] }, '/value/0'],
      ['det', { value: [{ ...box, class: 'v0=1' }] }, '/value/0/class'],
      ['det', { value: 'cat' }, '/value'],
      ['color_palette', { value: ['red'] }, '/value/0'],
      ['color_palette', { value: new Array(8).fill('#000000') }, '/value'],
      ['metadata', { value: { n_humans: 'two' } }, '/value/n_humans'],
      ['metadata', { value: { mood: 1 } }, '/value/mood'],
      [
        'sam_instance',
        { value: { points: [{ point: { x: 224, y: 0 }, instances: [] }] } },
        '/value/points/0/point/x',
      ],
      ['human_poses', { value: [{}] }, '/value/0/xmin'],
      ['depth', { value: 3 }, ''],
      ['depth', { text: 'far' }, ''],
    ];
    for (const [name, value, place] of cases)
      assert.deepEqual(await refusal(read(name, value)), [
        'invalid_input',
        `/inputs/${name}${place}`,
      ]);
    assert.deepEqual(await refusal(read('smell', 'roses')), ['unknown_modality', '/inputs/smell']);
  });

  test('any JSON is read or refused with a place', async () => {
    const names = [
      'caption',
      'det',
      'color_palette',
      'metadata',
      'human_poses',
      'sam_instance',
      'dinov2_global',
    ];
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...names), fc.jsonValue(), async (name, value) => {
        try {
          assert.ok((await read(name, { value })).positions.length > 0);
        } catch (error) {
          assert.ok(error instanceof FailureError, String(error));
          assert.match(error.failure.errors![0]!.pointer, new RegExp(`^/inputs/${name}/value`));
        }
      }),
      { numRuns: 500 },
    );
  });
});
