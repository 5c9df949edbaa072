import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FmManifest } from '../../shared/model/manifest.ts';
import { boundsOf } from '../../worker/batching/bounds.ts';
import { int64, joined, ownFeeds } from '../../worker/batching/fused/feeds.ts';
import { CPU } from '../../worker/session/devices.ts';

const card = boundsOf({ kind: 'cuda', index: 1 });
const cpu = boundsOf(CPU);

const model = (depth: number, parameters: number, precision: FmManifest['precision'] = 'fp32') =>
  ({ parameters, precision, config: { decoder_depth: depth } }) as FmManifest;

test('pieces of a text are longer on a card, the fewer blocks the longer, and powers of two', () => {
  const b = model(12, 210e6);
  assert.equal(card.piece(b), 64);
  assert.equal(card.piece(model(24, 2.8e9)), 32);
  assert.equal(card.piece(model(1, 1e6)), 128);
  assert.equal(card.piece(model(500, 1e12)), 16);
  assert.equal(cpu.piece(b), 8);
  assert.equal(cpu.piece(model(12, 210e6, 'int8')), 8);
  assert.ok(card.tokens > cpu.tokens);
});

test('integers of a feed keep their value beyond 32 bits and below zero', () => {
  const values = [
    0,
    1,
    -1,
    2 ** 31,
    -(2 ** 31),
    2 ** 32 + 5,
    Number.MAX_SAFE_INTEGER,
    -(2 ** 40) - 3,
  ];
  const { data } = int64([values.length], values);
  assert.deepEqual([...data], values.map(BigInt));
});

test('feeds are handed over only where nobody else holds them', () => {
  const kept = Float32Array.of(1, 2);
  const feeds = {
    state: joined([1, 2], [kept]),
    states: joined([2, 2], [kept, kept]),
    ids: int64([1], [3]),
  };
  assert.deepEqual(ownFeeds(feeds), ['states']);
  assert.deepEqual([...feeds.states.data], [1, 2, 1, 2]);
});
