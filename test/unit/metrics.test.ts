/** The evaluation's metrics on cases worked out by hand. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  absoluteRelativeError,
  bestIous,
  boxIou,
  createIouCounter,
  inTopK,
  meanAngle,
  namedObjects,
} from '../../infra/demo/evaluate/metrics.ts';

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
