/** The evaluation's metrics on cases worked out by hand. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changeOf } from '../../infra/demo/evaluate/changed.ts';
import {
  absoluteRelativeError,
  bestIous,
  boxIou,
  createIouCounter,
  edgeCounts,
  inTopK,
  meanAngle,
  namedObjects,
  orderedObjects,
  orderedShapes,
} from '../../infra/demo/evaluate/metrics.ts';
import { coloursFound, countsOf } from '../../infra/demo/evaluate/numbers.ts';
import { f1 } from '../../infra/demo/evaluate/row.ts';
import { captionOf } from '../../infra/demo/scene/describe.ts';
import {
  LOOSE_PHRASINGS,
  ORDERED_PHRASINGS,
  phrasingsOf,
} from '../../infra/demo/scene/phrasings.ts';
import { examples, FIRST_HELD_OUT_SEED } from '../../infra/demo/scene/scenes.ts';
import { sampleScene } from '../../infra/demo/scene/world.ts';

test('depth error ignores scale, shift and invalid pixels', () => {
  const truth = [1, 2, 4, 100];
  const valid = [true, true, true, false];
  assert.ok(absoluteRelativeError([-7, -5, -1, 3], truth, valid) < 1e-12);
  // A constant prediction is fitted by the mean 7/3: errors 4/3, 1/6, 5/12.
  const constant = absoluteRelativeError([5, 5, 5, 5], truth, valid);
  assert.ok(Math.abs(constant - (4 / 3 + 1 / 6 + 5 / 12) / 3) < 1e-12);
});

test('normals: perpendicular vectors are 90 degrees apart', () => {
  const x = [255, 127.5, 127.5];
  const y = [127.5, 255, 127.5];
  const { sum, count } = meanAngle([...x, ...x], [...x, ...y], [true, true]);
  assert.equal(count, 2);
  assert.ok(Math.abs(sum - 90) < 1e-6);
});

test('mIoU counts a wrong pixel against both classes', () => {
  const counter = createIouCounter(3);
  counter.add([0, 0, 1, 1], [0, 1, 1, 1]);
  assert.ok(Math.abs(counter.mean() - (1 / 2 + 2 / 3) / 2) < 1e-12);
});

test('boxes', () => {
  assert.equal(boxIou([0, 0, 1, 1], [0.5, 0, 1.5, 1]), 0.5 / 1.5);
  const truth = [{ box: [0, 0, 1, 1], label: 'cone' } as const];
  assert.deepEqual(bestIous([{ box: [0, 0, 1, 1], label: 'box' }], truth), [0]);
  assert.deepEqual(bestIous([{ box: [0, 0, 1, 1], label: 'cone' }], truth), [1]);
});

test('captions are compared by the objects they name', () => {
  const a = namedObjects('a red sphere left of a blue box');
  assert.equal(a, namedObjects('a blue box left of a red sphere'));
  assert.notEqual(a, namedObjects('a blue sphere left of a red box'));
  assert.equal(namedObjects('a large cyan cone'), 'cyan cone');
});

test('top-k looks at the nearest only', () => {
  const candidates = [
    [1, 0],
    [0.9, 0.1],
    [0, 1],
  ];
  assert.equal(
    inTopK([1, 0], candidates, 2, (i) => i === 2),
    false,
  );
  assert.equal(
    inTopK([1, 0], candidates, 2, (i) => i === 1),
    true,
  );
});

test('edges: a pixel counts at its very place only, and pictures are counted together', () => {
  const perfect = edgeCounts([0, 255, 255], [0, 255, 255]);
  assert.deepEqual(perfect, { both: 2, predicted: 2, true: 2 });
  const beside = edgeCounts([65535, 0, 0, 0], [0, 255, 255, 0]);
  assert.deepEqual(beside, { both: 0, predicted: 1, true: 2 });
  // 2 * 2 / (2 + 2 + 1 + 2)
  assert.ok(Math.abs(f1([perfect, beside]) - 4 / 7) < 1e-12);
});

test('the order of objects is from left to right, whichever way it is said', () => {
  const order = 'red box, blue cone';
  assert.equal(orderedObjects('a red box left of a blue cone'), order);
  assert.equal(orderedObjects('the small blue cone right of the large red box'), order);
  assert.notEqual(orderedObjects('a blue cone left of a red box'), order);
});

test('palette: the mean colour of each solid is found within 12 levels', () => {
  // A sky pixel, a solid of two pixels with mean (110, 0, 0), a solid of one pixel.
  const rgb = Uint8Array.from([9, 9, 9, 100, 0, 0, 120, 0, 0, 0, 255, 0]);
  const instance = Uint8Array.from([0, 2, 2, 3]);
  // 63 bins are 255 levels: 27 is 109.3, 63 is 255, 60 is 242.9.
  assert.deepEqual(coloursFound('v1=2 v0=27 v0=0 v0=0 v0=0 v0=63 v0=0', { rgb, instance }), [
    true,
    true,
  ]);
  assert.deepEqual(coloursFound('v1=1 v0=0 v0=60 v0=0', { rgb, instance }), [false, false]);
  assert.deepEqual(coloursFound('', { rgb, instance }), [false, false]);
});

test('counts are fields 7 and 8', () => {
  assert.equal(countsOf('v1=7 v0=3 v1=8 v0=2 v1=9 v0=17'), '3 2');
  assert.notEqual(countsOf('v1=9 v0=3'), countsOf('v1=7 v0=3 v1=8 v0=2'));
});

test('phrasings of a scene keep its solids, and the first ones their order', () => {
  for (let seed = 0; seed < 200; seed++) {
    const scene = sampleScene(seed);
    const caption = captionOf(scene);
    const phrasings = phrasingsOf(scene);
    assert.equal(phrasings.length, ORDERED_PHRASINGS + LOOSE_PHRASINGS);
    for (const [i, phrasing] of phrasings.entries()) {
      assert.equal(namedObjects(phrasing), namedObjects(caption));
      if (i < ORDERED_PHRASINGS) assert.equal(orderedObjects(phrasing), orderedObjects(caption));
    }
  }
});

test('shapes are told from left to right, without their colours', () => {
  assert.equal(orderedShapes('a red cone left of a blue box'), 'cone box');
  assert.equal(orderedShapes('a red cone right of a blue box'), 'box cone');
  assert.equal(orderedShapes('a large cyan cone'), 'cone');
});

test('a change names the solid before and after, and its scene has the new colour', () => {
  for (const [index, example] of [...examples(FIRST_HELD_OUT_SEED, 6)].entries()) {
    const { caption, before, after, rgb } = changeOf(example, index);
    const [old, own] = [orderedObjects(example.description.caption), orderedObjects(caption)];
    assert.notEqual(own, old);
    assert.ok(old.includes(orderedObjects(before)) && own.includes(orderedObjects(after)));
    assert.equal(orderedShapes(caption), orderedShapes(example.description.caption));
    assert.notDeepEqual(rgb, example.rendering.rgb);
  }
});
