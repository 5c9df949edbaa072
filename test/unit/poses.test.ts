/** Human poses: the 39 words of a person, by the formulas of their description. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { formatPoses, type PoseTokens, parsePoses } from '../../worker/text/poses.ts';
import { fc } from '../support/properties.ts';

const numbers = (word: string) => Number(word.split('=')[1]);
const person: PoseTokens = {
  xmin: 0.5,
  ymin: 0,
  xmax: 1,
  ymax: 0.25,
  global_orient: [1, 0, 0, 0, -1, 0, 0, 0, -1],
  betas: [-3, 3, 0, 0.5, -0.5, 1, -1, 2, -2, 9],
  camera: [0.9, -1, 25],
  pose_tokens: [0, 511, 512, 1023, 7, 513, 100, 600],
};
const WORDS = [
  ['human', 'v0=500', 'v1=0', 'v2=999', 'v3=250'],
  ['pose', 'v0=0', 'v0=511', 'v1=0', 'v1=511', 'v0=7', 'v1=1', 'v0=100', 'v1=88'],
  // 499.5 rounds to the even 500.
  ['global', 'v0=999', 'v0=500', 'v0=500', 'v0=500', 'v0=0', 'v0=500', 'v0=500', 'v0=500', 'v0=0'],
  ['camera', 'v0=95', 'v0=0', 'v0=999'],
  // 166.5 x + 499.5; what the range does not hold is clipped.
  [
    'shape',
    ...['v0=0', 'v0=999', 'v0=500', 'v0=583', 'v0=416'],
    ...['v0=666', 'v0=333', 'v0=832', 'v0=166', 'v0=999'],
  ],
];

describe('human poses', () => {
  test('a person is 39 words', () => {
    const text = formatPoses([person]);
    assert.equal(text, WORDS.flat().join(' '));
    assert.equal(text.split(' ').length, 39);
    assert.equal(formatPoses([]), 'none');
    assert.deepEqual(parsePoses('none'), { value: [], warnings: [] });
  });

  test('groups are read in any order, by the inverse formulas', () => {
    const [head, pose, global, camera, shape] = WORDS as [string[], ...string[][]];
    const text = [head, shape, camera, pose, global].flat().join(' ');
    const { value, warnings } = parsePoses(`${text} ${WORDS.flat().join(' ')}`);
    assert.deepEqual(warnings, []);
    assert.equal(value.length, 2);
    assert.deepEqual(value[0], value[1]);
    const read = value[0]!;
    assert.deepEqual([read.xmin, read.ymin, read.xmax, read.ymax], [500 / 999, 0, 1, 250 / 999]);
    assert.deepEqual(read.pose_tokens, person.pose_tokens);
    const near = (found: readonly number[], words: string[], f: (n: number) => number) => {
      assert.equal(found.length, words.length - 1);
      for (const [i, word] of words.slice(1).entries())
        assert.ok(Math.abs(found[i]! - f(numbers(word))) < 1e-12);
    };
    near(read.global_orient, global!, (n) => (n - 499.5) / 499.5);
    near(read.camera, camera!, (n) => (n - 49.95) / 49.95);
    near(read.betas, shape!, (n) => (n - 499.5) / 166.5);
  });

  test('a person that is cut, spoilt or has tokens that do not exist is left out, and told', () => {
    const whole = WORDS.flat();
    const spoilt = [
      whole.slice(0, 38),
      whole.filter((word) => word !== 'camera'),
      whole.map((word) => (word === 'camera' ? 'global' : word)),
      whole.map((word) => (word === 'v1=88' ? 'v1=999' : word)),
      whole.map((word) => (word === 'v3=250' ? 'cat' : word)),
      [...whole, 'v0=1'],
    ];
    for (const words of spoilt) {
      const { value, warnings } = parsePoses([...words, ...whole].join(' '));
      assert.equal(value.length, 1, words.join(' '));
      assert.deepEqual(warnings, ['1 incomplete person left out'], words.join(' '));
    }
    assert.deepEqual(parsePoses('hello human').warnings, [
      '1 incomplete person left out',
      '1 word outside the format, left out',
    ]);
  });

  test('text -> people -> text loses nothing', () => {
    const bin = fc.integer({ min: 0, max: 999 });
    const group = (name: string, count: number) =>
      fc
        .array(bin, { minLength: count, maxLength: count })
        .map((values) => [name, ...values.map((value) => `v0=${value}`)]);
    const corners = fc.tuple(bin, bin, bin, bin);
    const ids = fc.array(fc.integer({ min: 0, max: 1023 }), { minLength: 8, maxLength: 8 });
    const words = fc
      .tuple(corners, ids, group('global', 9), group('camera', 3), group('shape', 10))
      .map(([box, pose, ...groups]) =>
        [
          ['human', ...box.map((value, i) => `v${i}=${value}`)],
          ['pose', ...pose.map((id) => (id < 512 ? `v0=${id}` : `v1=${id - 512}`))],
          ...groups,
        ]
          .flat()
          .join(' '),
      );
    fc.assert(
      fc.property(fc.array(words, { minLength: 1, maxLength: 4 }), (people) => {
        const text = people.join(' ');
        const { value, warnings } = parsePoses(text);
        assert.deepEqual(warnings, []);
        assert.equal(formatPoses(value), text);
      }),
    );
  });
});
