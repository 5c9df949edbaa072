/** SAM instances: their text, and from soft masks to masks of the picture by the reference's rules. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { formatInstances, parseInstances, type QueriedPoint } from '../../worker/text/instances.ts';
import {
  annotation,
  cutOut,
  groupInstances,
  mergeInstances,
  overlay,
  paint,
  type SoftInstance,
} from '../../worker/values/instances.ts';
import { resizeCubic } from '../../worker/values/resize.ts';
import { decodeRle, encodeRle } from '../../worker/values/rle.ts';
import { fc } from '../support/properties.ts';

const ids = Array.from({ length: 16 }, (_, i) => i * 68);
const idWords = ids.map((id) => (id < 512 ? `v0=${id}` : `v1=${id - 512}`)).join(' ');

describe('text of instances', () => {
  const points: QueriedPoint[] = [
    {
      point: { x: 5, y: 9 },
      instances: [{ xmin: 1, ymin: 2, xmax: 30, ymax: 40, mask_tokens: ids }],
    },
    { point: { x: 0, y: 223 }, instances: [] },
  ];

  test('rows come before columns, and ids from 512 on are of the second kind', () => {
    const text = `point v0=9 v1=5 polygon v0=1 v1=2 v2=30 v3=40 ${idWords} point v0=223 v1=0 none`;
    assert.equal(formatInstances(points), text);
    assert.deepEqual(parseInstances(text), { value: points, warnings: [] });
  });

  test('what is cut, has no inside or ids that do not exist is left out, and told', () => {
    const whole = `polygon v0=1 v1=2 v2=30 v3=40 ${idWords}`;
    const spoilt = [
      whole.replace('v2=30', 'v2=1'),
      whole.replace('v3=40', 'v3=2'),
      whole.replace('v2=30', 'cat'),
      `${whole} v0=1`,
      whole.slice(0, -5),
      whole.replace('v0=68', 'v1=600'),
      'polygon',
    ];
    for (const text of spoilt) {
      const { value, warnings } = parseInstances(`point v0=9 v1=5 ${text} ${whole}`);
      assert.deepEqual(value, [points[0]], text);
      assert.deepEqual(warnings, ['1 incomplete instance left out'], text);
    }
  });

  test('an instance counts without its point, as in the reference', () => {
    const whole = `polygon v0=1 v1=2 v2=30 v3=40 ${idWords}`;
    const { value, warnings } = parseInstances(`point v0=9 ${whole}`);
    assert.deepEqual(value, [{ point: null, instances: points[0]!.instances }]);
    assert.equal(warnings.length, 1);
  });

  test('text -> points -> text loses nothing', () => {
    const pixel = fc.integer({ min: 0, max: 223 });
    const id = fc.integer({ min: 0, max: 1023 });
    const edges = fc.uniqueArray(fc.integer({ min: 0, max: 224 }), { minLength: 2, maxLength: 2 });
    const instance = fc
      .tuple(edges, edges, fc.array(id, { minLength: 16, maxLength: 16 }))
      .map(([across, down, mask_tokens]) => ({
        xmin: Math.min(...across),
        ymin: Math.min(...down),
        xmax: Math.max(...across),
        ymax: Math.max(...down),
        mask_tokens,
      }));
    const plain = { noNullPrototype: true };
    const queried = fc.record(
      {
        point: fc.record({ x: pixel, y: pixel }, plain),
        instances: fc.array(instance, { maxLength: 3 }),
      },
      plain,
    );
    fc.assert(
      fc.property(fc.array(queried, { maxLength: 7 }), (given) => {
        assert.deepEqual(parseInstances(formatInstances(given)), { value: given, warnings: [] });
      }),
    );
  });
});

describe('run lengths', () => {
  // Recorded from pycocotools 2.0.
  test('are those of the COCO tools', () => {
    const small = new Uint8Array(35);
    for (let y = 1; y < 4; y++) small.fill(1, y * 7 + 2, y * 7 + 6);
    small[0] = 1;
    assert.deepEqual(encodeRle(small, 5, 7), { size: [5, 7], counts: '01:2H000004' });
    assert.equal(encodeRle(new Uint8Array(1600), 40, 40).counts, 'Pb1');
    const large = new Uint8Array(224 * 224);
    for (let y = 20; y < 180; y++) large.fill(1, y * 224 + 30, y * 224 + 200);
    for (let y = 100; y < 120; y++) large.fill(0, y * 224 + 60, y * 224 + 90);
    const { counts } = encodeRle(large, 224, 224);
    const zeros = (count: number) => '0'.repeat(count);
    const expected = `db6P5P2${zeros(58)}\`MdN\\O\\1d0${'dN\\O\\1d0'.repeat(28)}dN\\O\\1T3${zeros(218)}\\W5`;
    assert.equal(counts, expected);
  });

  test('come back, and damaged ones are refused', () => {
    const sizes = fc.tuple(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 30 }));
    const mask = sizes.chain(([height, width]) =>
      fc
        .uint8Array({ min: 0, max: 1, minLength: height * width, maxLength: height * width })
        .map((data) => ({ data, height, width })),
    );
    fc.assert(
      fc.property(mask, ({ data, height, width }) => {
        assert.deepEqual(decodeRle(encodeRle(data, height, width)), Uint8Array.from(data));
      }),
    );
    fc.assert(
      fc.property(fc.string(), (counts) => {
        const read = decodeRle({ size: [4, 4], counts });
        assert.ok(read === undefined || read.length === 16);
      }),
    );
    assert.equal(decodeRle({ size: [5, 7], counts: '01:2H00000' }), undefined);
    assert.equal(decodeRle({ size: [5, 7], counts: '01:2H0000045' }), undefined);
  });
});

test('cubic resizing is that of OpenCV', () => {
  // Recorded from cv2.resize(..., interpolation=cv2.INTER_CUBIC), opencv-python.
  const map = Float32Array.of(0, 1, 0.5, 0.25, 1, 0, 0.9, 0.1, 0.3);
  const larger = [
    [-0.115667, 0.410434, 1, 0.789256, 0.491334],
    [-0.008495, 0.549046, 1.098877, 0.589208, 0.055857],
    [0.495951, 0.620143, 0.675684, 0.306515, -0.006587],
    [1.034136, 0.572487, 0.0354, 0.144903, 0.349002],
  ];
  const smaller = [
    [0.282909, 0.559757],
    [0.660988, 0.218632],
  ];
  for (const expected of [larger, smaller]) {
    const [height, width] = [expected.length, expected[0]!.length];
    const found = resizeCubic(map, [3, 3], [height, width]);
    for (const [i, value] of expected.flat().entries())
      assert.ok(Math.abs(found[i]! - value) < 2e-6, `${i}: ${found[i]} for ${value}`);
  }
});

/** A mask that is 1 in rows of an 8 x 8 frame, 0 elsewhere. */
const rows = (from: number, to: number, inside = 1): Float32Array =>
  Float32Array.from({ length: 64 }, (_, i) => {
    const row = Math.floor(i / 8);
    return row >= from && row < to ? inside : 0;
  });
const instance = (
  [xmin, ymin, xmax, ymax]: readonly [number, number, number, number],
  mask: Float32Array,
): SoftInstance => ({ box: { xmin, ymin, xmax, ymax }, mask });

describe('instances', () => {
  test('largest box first; masks without contrast vanish', () => {
    const small = instance([0, 0, 8, 8], rows(0, 4));
    const large = instance([0, 0, 80, 80], rows(0, 4));
    const faint = instance([0, 0, 90, 90], rows(0, 4, 0.89));
    assert.deepEqual(
      groupInstances([small, faint, large]).map(({ box }) => box.xmax),
      [80, 8],
    );
  });

  test('doubles are averaged, boxes truncated to whole pixels', () => {
    const first = instance([10, 10, 110, 110], rows(0, 8).with(0, 0));
    const second = instance([11, 10, 110, 109], rows(0, 8).with(63, 0));
    const other = instance([10, 10, 110, 110], rows(0, 3));
    const [merged, apart, ...none] = groupInstances([second, first, other]);
    assert.deepEqual(none, []);
    assert.deepEqual(merged!.box, { xmin: 10, ymin: 10, xmax: 110, ymax: 109 });
    assert.deepEqual([merged!.mask[0], merged!.mask[1], merged!.mask[63]], [0.5, 1, 0.5]);
    assert.deepEqual([merged!.votes, apart!.votes], [2, 1]);
  });

  test('alike masks in boxes that differ stay apart', () => {
    const one = instance([0, 0, 100, 100], rows(0, 4));
    const shifted = instance([6, 0, 106, 100], rows(0, 4));
    // 94 / 106 of the boxes' union is shared, less than 0.9.
    assert.equal(groupInstances([one, shifted]).length, 2);
    const near = instance([5, 0, 105, 100], rows(0, 4));
    // 95 / 105 is more.
    assert.equal(groupInstances([one, near]).length, 1);
  });

  test('are painted where their box is, cut at the edges of the picture', () => {
    const full = paint(instance([2, 1, 6, 3], rows(0, 8)), 8);
    const at = [...full].flatMap((value, i) => (value ? [[i % 8, Math.floor(i / 8)]] : []));
    assert.deepEqual(at.at(0), [2, 1]);
    assert.deepEqual(at.at(-1), [5, 2]);
    assert.equal(at.length, 8);
    assert.equal(paint(instance([6, 6, 12, 12], rows(0, 8)), 8).filter(Boolean).length, 4);
    assert.equal(paint(instance([9, 0, 12, 12], rows(0, 8)), 8).filter(Boolean).length, 0);
    // The upper half of the frame: the upper half of the box.
    const half = paint(instance([0, 0, 8, 8], rows(0, 4)), 8);
    assert.deepEqual(
      half,
      Uint8Array.from({ length: 64 }, (_, i) => (i < 32 ? 1 : 0)),
    );
  });

  test('are annotated by the pixels inside', () => {
    const painted = paint(instance([2, 1, 6, 3], rows(0, 8)), 8);
    const found = annotation(painted, 8)!;
    assert.deepEqual([found.bbox, found.area], [[2, 1, 4, 2], 8]);
    assert.deepEqual(decodeRle(found.segmentation), painted);
    assert.equal(annotation(new Uint8Array(64), 8), undefined);
  });

  test('are cut out of the picture as they were painted into it', () => {
    const box = { xmin: 10, ymin: 20, xmax: 138, ymax: 148 };
    const half = Float32Array.from({ length: 4096 }, (_, i) => (i % 64 < 20 ? 1 : 0));
    assert.deepEqual(cutOut(paint({ box, mask: half }), box), half);
  });

  test('of an overlay the last lies on top', () => {
    const picture = overlay(
      [Uint8Array.of(1, 1, 0, 0), Uint8Array.of(0, 1, 0, 0)],
      [
        [9, 8, 7],
        [1, 2, 3],
      ],
      2,
    );
    assert.deepEqual([...picture], [9, 8, 7, 1, 2, 3, 0, 0, 0, 0, 0, 0]);
  });
});

describe('merging samples', () => {
  const wholePicture = instance([0, 0, 200, 200], rows(0, 8).with(0, 0));
  const left = instance([0, 0, 100, 200], rows(0, 8).with(0, 0));

  test('instances of all samples are there once, the largest first', () => {
    const merged = mergeInstances([[left], [wholePicture, left], [], [left]]);
    assert.deepEqual(
      merged.map(({ box, votes }) => [box.xmax, votes]),
      [
        [200, 1],
        [100, 3],
      ],
    );
  });

  test('what covers the same pixels in another box is suppressed by what more samples found', () => {
    // A frame twice as high whose lower half is empty: the same pixels.
    const twice = instance([0, 0, 100, 224], rows(0, 7).with(0, 0));
    const merged = mergeInstances([[twice], [left], [left]]);
    assert.deepEqual(
      merged.map(({ box }) => box.ymax),
      [200],
    );
  });

  test('order of the samples does not matter', () => {
    const samples = [
      [left, wholePicture],
      [left],
      [instance([120, 20, 180, 60], rows(0, 8, 0.95))],
    ];
    const areas = (list: typeof samples) =>
      mergeInstances(list).map(({ box, votes }) => [box, votes]);
    assert.deepEqual(areas(samples), areas(samples.toReversed()));
  });
});
