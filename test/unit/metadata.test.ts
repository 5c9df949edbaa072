/** Metadata: the bins and ranges of all 21 kinds, worked out here from their published description. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  formatMetadata,
  METADATA_FIELDS,
  metadataBin,
  metadataValue,
  parseMetadata,
} from '../../worker/text/metadata.ts';
import { fc } from '../support/properties.ts';

const COUNTS = [2, 3, 4, 5, 6, 7, 8, 16];
const RANGES: Readonly<Record<number, readonly [string, number, number]>> = {
  9: ['colorfulness', 0, 150],
  10: ['brightness', 0, 255],
  11: ['contrast', 0, 127],
  12: ['saturation', 0, 255],
  13: ['entropy', 0, 10],
  14: ['walkability', 0, 1],
  15: ['objectness', 0, 1],
  17: ['geometric_complexity', 0, 0.75],
  18: ['occlusion_score', 0, 0.25],
};

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

  test('sizes count 32 pixels a bin, as many as the vocabulary has', () => {
    for (const kind of [0, 1]) {
      const bins = [0, 31, 32, 639, 32_000].map((value) => metadataBin(kind, value));
      assert.deepEqual(bins, [0, 0, 1, 19, 999]);
      assert.equal(metadataValue(kind, 20), 640);
    }
    assert.deepEqual(
      METADATA_FIELDS.slice(0, 2).map(({ name }) => name),
      ['original_width', 'original_height'],
    );
  });

  test('counts are clipped to 0 to 999', () => {
    for (const kind of COUNTS) {
      const bins = [-1, 0, 7, 999, 1e6].map((value) => metadataBin(kind, value));
      assert.deepEqual(bins, [0, 0, 7, 999, 999], METADATA_FIELDS[kind]!.name);
      assert.equal(metadataValue(kind, 7), 7);
    }
  });

  test('measures are clipped to their range and truncated', () => {
    for (const [key, [name, low, high]] of Object.entries(RANGES)) {
      const kind = Number(key);
      assert.equal(METADATA_FIELDS[kind]!.name, name);
      for (const share of [-1, 0, 0.0203, 0.0205, 0.37, 0.999, 1, 3]) {
        const value = low + share * (high - low);
        const clipped = Math.min(Math.max(value, low), high);
        const expected = Math.floor(((clipped - low) / (high - low)) * 49);
        assert.equal(metadataBin(kind, value), expected, `${name} ${value}`);
      }
      for (const bin of [0, 10, 49]) {
        const value = metadataValue(kind, bin);
        assert.ok(Math.abs(value - (low + (high - low) * (bin / 50))) < 1e-12, name);
      }
    }
  });

  test('scores are classes by borders, and classes stay what they are', () => {
    assert.deepEqual(
      [0, 0.49, 0.5, 0.9, 1].map((score) => metadataBin(19, score)),
      [0, 0, 1, 1, 1],
    );
    assert.deepEqual(
      [0, 1, 2, 3.1, 4.49, 4.5, 5.49, 5.5, 8].map((score) => metadataBin(20, score)),
      [0, 1, 2, 0, 0, 1, 1, 2, 2],
    );
  });

  test('text keeps all kinds, counts and classes; measures move down by less than a bin', () => {
    const bins = fc.tuple(
      ...METADATA_FIELDS.map((_, kind) => {
        const largest = RANGES[kind] ? 49 : kind === 19 ? 1 : kind === 20 ? 2 : 999;
        return fc.integer({ min: 0, max: largest });
      }),
    );
    fc.assert(
      fc.property(bins, (stored) => {
        const text = stored.map((bin, kind) => `v1=${kind} v0=${bin}`).join(' ');
        const { value, warnings } = parseMetadata(text);
        assert.deepEqual(warnings, []);
        // bin / 50 * 49 lies less than 1 below bin.
        const again = stored.map((bin, kind) => (RANGES[kind] ? Math.max(bin - 1, 0) : bin));
        const expected = again.map((bin, kind) => `v1=${kind} v0=${bin}`).join(' ');
        const close = parseMetadata(formatMetadata(value)).value;
        for (const [kind, { name }] of METADATA_FIELDS.entries()) {
          const difference = metadataBin(kind, value[name]!) - stored[kind]!;
          assert.ok(RANGES[kind] ? difference === 0 || difference === -1 : difference === 0, name);
          assert.ok(name in close);
        }
        assert.equal(formatMetadata(value).split(' ').length, expected.split(' ').length);
      }),
    );
  });

  test('any order is read, and answered in the order of the kinds; the last of a kind counts', () => {
    const { value, warnings } = parseMetadata('v1=16 v0=4 v1=3 v0=12 v1=16 v0=5');
    assert.deepEqual(Object.entries(value), [
      ['caption_n_words', 12],
      ['semantic_diversity', 5],
    ]);
    assert.deepEqual(warnings, []);
  });

  test('unknown kinds and values without a kind are skipped, and told', () => {
    const { value, warnings } = parseMetadata('v0=3 v1=77 v1=3 v0=12 cat');
    assert.deepEqual(value, { caption_n_words: 12 });
    assert.equal(warnings.length, 1);
    assert.equal(parseMetadata('v1=3 v1=4 v0=1').warnings.length, 1);
    assert.equal(parseMetadata('v1=3').warnings.length, 1);
  });
});
