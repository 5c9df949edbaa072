/** Text formats of structured modalities: written examples, round trips, and text that is malformed. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { PUBLISHED_MODALITIES } from '../../shared/model/modalities.ts';
import { METADATA_FIELDS } from '../../worker/text/metadata.ts';
import {
  formatBoxes,
  formatMetadata,
  formatPalette,
  parseBoxes,
  parseMetadata,
  parsePalette,
  parseText,
} from '../../worker/text/sequences.ts';

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
});

describe('metadata', () => {
  test('is binned as upstream: 49 bins written, 50 divide on reading', () => {
    const text = formatMetadata({ original_width: 640, brightness: 255, n_humans: 2 });
    assert.equal(text, 'v1=0 v0=20 v1=5 v0=2 v1=10 v0=49');
    assert.deepEqual(parseMetadata(text).value, {
      original_width: 640,
      n_humans: 2,
      brightness: (255 * 49) / 50,
    });
  });

  test('every field comes back within one bin', () => {
    const fields = fc.record(
      Object.fromEntries(
        METADATA_FIELDS.map(({ name, range, largest, unit }) => [
          name,
          range
            ? fc.double({ min: range[0], max: range[1], noNaN: true })
            : fc.integer({ min: 0, max: unit ? 30_000 : largest! }),
        ]),
      ),
    );
    fc.assert(
      fc.property(fields, (values) => {
        const { value, warnings } = parseMetadata(formatMetadata(values));
        assert.deepEqual(warnings, []);
        for (const { name, range, unit } of METADATA_FIELDS) {
          const bin = range ? (range[1] - range[0]) / 24 : (unit ?? 0);
          assert.ok(Math.abs(value[name]! - values[name]!) <= bin, name);
        }
      }),
    );
  });

  test('unknown kinds and values without a kind are skipped, and told', () => {
    const { value, warnings } = parseMetadata('v0=3 v1=77 v1=3 v0=12 cat');
    assert.deepEqual(value, { caption_n_words: 12 });
    assert.equal(warnings.length, 1);
  });
});

test('no text makes a parser throw', () => {
  const word = fc.oneof(
    fc.constantFrom('v0=1', 'v1=2', 'v2=3', 'v3=4', 'v0=999', 'cat', '=', 'v9=1', 'v0=', ''),
    fc.string(),
  );
  fc.assert(
    fc.property(
      fc.array(word),
      fc.constantFrom(...Object.values(PUBLISHED_MODALITIES)),
      (w, info) => {
        assert.ok(Array.isArray(parseText(w.join(' '), info).warnings));
      },
    ),
  );
});
