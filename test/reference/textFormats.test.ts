/**
 * Texts of structured modalities in the published vocabulary: as many tokens as the models were trained
 * on, and the same text when they are decoded.
 */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { COCO_CLASSES } from '../../shared/model/cocoPanoptic.ts';
import { formatBoxes, parseBoxes } from '../../worker/text/boxes.ts';
import { formatInstances, parseInstances } from '../../worker/text/instances.ts';
import { formatMetadata, METADATA_FIELDS, parseMetadata } from '../../worker/text/metadata.ts';
import { formatPalette, parsePalette } from '../../worker/text/palette.ts';
import { formatPoses, parsePoses } from '../../worker/text/poses.ts';
import { loadTextTokenizer, type TextTokenizer } from '../../worker/text/wordpiece.ts';
import { fc } from '../support/properties.ts';
import { sharedPath, skipWithout } from '../support/shared.ts';

const FILE = 'text_tokenizer_4m_wordpiece_30k.json';
const numbers = (count: number, low: number, high: number) =>
  fc.array(fc.double({ min: low, max: high, noNaN: true }), { minLength: count, maxLength: count });
const integers = (count: number, high: number) =>
  fc.array(fc.integer({ min: 0, max: high }), { minLength: count, maxLength: count });

describe('published vocabulary', { skip: skipWithout('reference', FILE) }, () => {
  let text: TextTokenizer;
  before(async () => {
    text = await loadTextTokenizer(sharedPath('reference', FILE));
  });

  /** Decoded again, and of so many tokens. */
  const through = (written: string, count?: number): string => {
    const ids = text.encode(written);
    if (count !== undefined) assert.equal(ids.length, count, written);
    const read = text.decode(ids);
    assert.equal(read, written);
    return read;
  };
  const unit = fc.double({ min: 0, max: 1, noNaN: true });

  test('boxes of the 80 classes take 5 tokens each', () => {
    const name = fc.constantFrom(...COCO_CLASSES.slice(1, 81));
    const box = fc.record({ xmin: unit, ymin: unit, xmax: unit, ymax: unit, class: name });
    fc.assert(
      fc.property(fc.array(box, { maxLength: 8 }), (boxes) => {
        const { value, warnings } = parseBoxes(
          through(formatBoxes(boxes, 1000), 5 * boxes.length),
          1000,
        );
        assert.deepEqual(warnings, []);
        assert.equal(value.length, boxes.length);
      }),
    );
  });

  test('palettes take a token a channel and one for their length', () => {
    const colour = fc
      .integer({ min: 0, max: 0xffffff })
      .map((n) => `#${n.toString(16).padStart(6, '0')}`);
    fc.assert(
      fc.property(fc.array(colour, { minLength: 1, maxLength: 7 }), (colours) => {
        const written = through(formatPalette(colours, 1000), 1 + 3 * colours.length);
        assert.deepEqual(parsePalette(written, 1000).value, colours);
      }),
    );
  });

  test('metadata take two tokens a kind', () => {
    const fields = Object.fromEntries(METADATA_FIELDS.map(({ name }, i) => [name, i / 3]));
    const written = through(formatMetadata(fields), 42);
    assert.equal(Object.keys(parseMetadata(written).value).length, 21);
  });

  test('a person takes 39 tokens, nobody one', () => {
    const person = fc
      .record({
        box: fc.tuple(unit, unit, unit, unit),
        global_orient: numbers(9, -1, 1),
        betas: numbers(10, -3, 3),
        camera: numbers(3, -1, 19),
        pose_tokens: integers(8, 1023),
      })
      .map(({ box: [xmin, ymin, xmax, ymax], ...rest }) => ({ xmin, ymin, xmax, ymax, ...rest }));
    fc.assert(
      fc.property(fc.array(person, { maxLength: 4 }), (people) => {
        const count = people.length === 0 ? 1 : 39 * people.length;
        const { value, warnings } = parsePoses(through(formatPoses(people), count));
        assert.deepEqual(warnings, []);
        assert.equal(value.length, people.length);
        for (const [i, { global_orient, betas, camera, pose_tokens }] of value.entries()) {
          const near = (found: readonly number[], given: readonly number[], bin: number) =>
            found.every((number, j) => Math.abs(number - given[j]!) <= bin / 2 + 1e-9);
          assert.ok(near(global_orient, people[i]!.global_orient, 1 / 499.5));
          assert.ok(near(betas, people[i]!.betas, 1 / 166.5));
          assert.ok(near(camera, people[i]!.camera, 1 / 49.95));
          assert.deepEqual(pose_tokens, people[i]!.pose_tokens);
        }
      }),
    );
  });

  test('an instance takes 21 tokens, a point three and one more for none', () => {
    const instance = integers(16, 1023).map((mask_tokens) => ({
      xmin: 3,
      ymin: 0,
      xmax: 224,
      ymax: 99,
      mask_tokens,
    }));
    const point = fc
      .record({ place: integers(2, 223), instances: fc.array(instance, { maxLength: 3 }) })
      .map(({ place: [x = 0, y = 0], instances }) => ({ point: { x, y }, instances }));
    fc.assert(
      fc.property(fc.array(point, { maxLength: 5 }), (points) => {
        const count = points.reduce(
          (sum, { instances: { length } }) => sum + 3 + (length === 0 ? 1 : 21 * length),
          0,
        );
        const { value, warnings } = parseInstances(through(formatInstances(points), count));
        assert.deepEqual([value, warnings], [points, []]);
      }),
    );
  });
});
