/** What the times of earlier runs say of the next one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createPace } from '../../worker/batching/pace.ts';

test('a run is expected to take what one of its size took, or its share of smaller ones', () => {
  const pace = createPace();
  assert.equal(pace.expected('encode', 64), undefined);
  pace.learn('encode', 64, 10);
  assert.equal(pace.expected('encode', 64), 10);
  assert.equal(pace.expected('encode', 256), 40);
  pace.learn('write', 1, 50);
  assert.equal(pace.expected('write', 8), 50);
});

test('a slow moment of a large run is forgotten when its parts are fast', () => {
  const pace = createPace();
  pace.learn('encode', 512, 900);
  for (let run = 0; run < 4; run++) pace.learn('encode', 64, 6);
  assert.equal(pace.expected('encode', 512), 48);
});
