/** Text formats of structured modalities: written examples, round trips, and text that is malformed. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { formatBoxes, parseBoxes } from '../../worker/text/boxes.ts';
import { parseInstances } from '../../worker/text/instances.ts';
import { parseMetadata } from '../../worker/text/metadata.ts';
import { formatPalette, parsePalette } from '../../worker/text/palette.ts';
import { parsePoses } from '../../worker/text/poses.ts';
import { fc } from '../support/properties.ts';

describe('boxes', () => {
  const cup = { xmin: 0.5, ymin: 0.25, xmax: 1, ymax: 0.75, class: 'wine glass' };
  const dog = { xmin: 0, ymin: 0.1, xmax: 0.2, ymax: 1, class: 'dog' };

  test('are written nearest to the origin first, in bins rounded half to even', () => {
    // 0.5 * 999 = 499.5, and 500 is the even neighbour.
    assert.equal(
      formatBoxes([cup, dog], 1000),
      'v0=0 v1=100 v2=200 v3=999 dog v0=500 v1=250 v2=999 v3=749 wine glass',
    );
    assert.equal(formatBoxes([dog], 64), 'v0=0 v1=6 v2=13 v3=63 dog');
  });

  test('of a detector are written from a score of 0.6 on', () => {
    const scored = [
      { ...cup, score: 0.59 },
      { ...dog, score: 0.6 },
    ];
    assert.equal(formatBoxes(scored, 1000), formatBoxes([dog], 1000));
  });

  test('are read back with names of several words', () => {
    const { value, warnings } = parseBoxes('v0=999 v1=0 v2=999 v3=333 wine glass', 1000);
    assert.deepEqual(value, [{ xmin: 1, ymin: 0, xmax: 1, ymax: 333 / 999, class: 'wine glass' }]);
    assert.deepEqual(warnings, []);
  });

  test('incomplete ones and stray words are left out, and told', () => {
    const text = 'hello v1=3 v0=1 v1=2 v2=3 v3=4 cat v0=5 v1=6 dog v0=1 v1=2 v2=3 v3=4';
    const { value, warnings } = parseBoxes(text, 1000);
    assert.deepEqual(
      value.map((box) => box.class),
      ['cat'],
    );
    assert.deepEqual(warnings, [
      '2 incomplete boxes were left out',
      '2 words before the first box were left out',
    ]);
  });

  test('a corner that comes twice or within a name spoils its own box alone', () => {
    const spoilt = [
      'v0=1 v1=2 v2=3 v2=4 cat',
      'v0=1 v1=2 v2=3 v3=4 v1=9 cat',
      'v0=1 v1=2 v2=3 v3=4 cat v2=9',
      'v0=1 v1=2 cat v2=3 v3=4',
    ];
    for (const text of spoilt) {
      const { value, warnings } = parseBoxes(`${text} v0=1 v1=2 v2=3 v3=4 dog`, 1000);
      assert.deepEqual(
        value.map((box) => box.class),
        ['dog'],
        text,
      );
      assert.deepEqual(warnings, ['1 incomplete boxes were left out'], text);
    }
    assert.deepEqual(parseBoxes('v0=1 v1=2 v2=64 v3=4 cat', 64).value, []);
  });

  test('text -> boxes -> text and boxes -> text -> boxes lose nothing', () => {
    const bin = fc.integer({ min: 0, max: 999 });
    const name = fc.constantFrom('person', 'wine glass', 'hot dog', 'tv');
    const box = fc.record({ xmin: bin, ymin: bin, xmax: bin, ymax: bin, class: name });
    fc.assert(
      fc.property(fc.array(box, { maxLength: 12 }), (boxes) => {
        const relative = boxes.map(({ xmin, ymin, xmax, ymax, class: of }) => ({
          xmin: xmin / 999,
          ymin: ymin / 999,
          xmax: xmax / 999,
          ymax: ymax / 999,
          class: of,
        }));
        const text = formatBoxes(relative, 1000);
        const { value, warnings } = parseBoxes(text, 1000);
        assert.deepEqual(warnings, []);
        assert.equal(formatBoxes(value, 1000), text);
        const distances = relative.map((r) => r.xmin ** 2 + r.ymin ** 2).sort((a, b) => a - b);
        assert.deepEqual(
          value.map((v) => v.xmin ** 2 + v.ymin ** 2),
          distances,
        );
      }),
    );
  });
});

describe('palettes', () => {
  test('1000 bins hold colours as they are', () => {
    assert.equal(
      formatPalette(['#ff0080', '#000102'], 1000),
      'v1=2 v0=255 v0=0 v0=128 v0=0 v0=1 v0=2',
    );
    assert.deepEqual(parsePalette('v1=1 v0=255 v0=0 v0=128', 1000).value, ['#ff0080']);
  });

  test('64 bins hold them scaled', () => {
    assert.equal(formatPalette(['#ff0080'], 64), 'v1=1 v0=63 v0=0 v0=32');
    assert.deepEqual(parsePalette('v1=1 v0=63 v0=0 v0=32', 64).value, ['#ff0082']);
  });

  test('what is left of a colour is dropped, and told', () => {
    const { value, warnings } = parsePalette('v1=2 v0=1 v0=2 v0=3 v0=4 apple', 1000);
    assert.deepEqual(value, ['#010203']);
    assert.equal(warnings.length, 1);
  });

  test('a wrong count and a channel beyond 255 are told', () => {
    for (const text of ['v1=3 v0=1 v0=2 v0=3', 'v1=1 v0=1 v0=2 v0=900', 'v0=1 v0=2 v0=3 v0=4']) {
      const { value, warnings } = parsePalette(text, 1000);
      assert.equal(value.length, 1, text);
      assert.equal(warnings.length, 1, text);
    }
    assert.deepEqual(parsePalette('v1=1 v0=1 v0=2 v0=900', 1000).value, ['#0102ff']);
  });

  test('come back as they were', () => {
    const hex = fc.integer({ min: 0, max: 0xffffff });
    const colour = hex.map((n) => `#${n.toString(16).padStart(6, '0')}`);
    fc.assert(
      fc.property(fc.array(colour, { minLength: 1, maxLength: 7 }), (colours) => {
        const text = formatPalette(colours, 1000);
        assert.deepEqual(parsePalette(text, 1000), { value: colours, warnings: [] });
        const coarse = formatPalette(colours, 64);
        assert.equal(formatPalette(parsePalette(coarse, 64).value, 64), coarse);
      }),
    );
  });
});

test('no text makes a parser throw, and what is not read is told', () => {
  const keyword = fc.constantFrom('human', 'pose', 'global', 'camera', 'shape', 'point', 'polygon');
  const number = fc
    .tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 1200 }))
    .map(([kind, value]) => `v${kind}=${value}`);
  const other = fc.constantFrom('none', 'cat', '=', 'v9=1', 'v0=', 'v0=-1', 'v0=1e3', '');
  const word = fc.oneof({ weight: 8, arbitrary: number }, keyword, other, fc.string());
  fc.assert(
    fc.property(
      fc.array(word, { maxLength: 120 }),
      fc.constantFrom(
        (text: string) => parseBoxes(text, 1000),
        (text: string) => parsePalette(text, 64),
        parseMetadata,
        parsePoses,
        parseInstances,
      ),
      (words, parse) => {
        const { warnings } = parse(words.join(' '));
        assert.ok(warnings.every((warning) => typeof warning === 'string'));
      },
    ),
    { numRuns: 1000 },
  );
});
