/** The counter-based generator: published known answers, uniformity, independence of addresses. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { philox, uniform } from '../../worker/engine/rng.ts';

// Random123, kat_vectors, "philox4x32 10".
const KNOWN = [
  {
    counter: [0, 0, 0, 0],
    key: [0, 0],
    result: [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
  },
  {
    counter: [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
    key: [0xffffffff, 0xffffffff],
    result: [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
  },
  {
    counter: [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
    key: [0xa4093822, 0x299f31d0],
    result: [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
  },
] as const;

test('philox gives the published answers', () => {
  for (const { counter, key, result } of KNOWN) assert.deepEqual([...philox(counter, key)], result);
});

test('numbers are uniform: chi-squared over 100 bins of 50,000 positions', () => {
  const bins = new Array<number>(100).fill(0);
  const count = 50_000;
  for (let position = 0; position < count; position++) {
    const value = uniform(7, 0, 'token', { target: 'tok_depth@224', step: 0, position });
    assert.ok(value >= 0 && value < 1);
    bins[Math.floor(value * 100)]! += 1;
  }
  const expected = count / 100;
  const chi = bins.reduce((sum, n) => sum + (n - expected) ** 2 / expected, 0);
  // 99 degrees of freedom: the 99.9 % quantile is 148.2, the 0.1 % quantile 60.4.
  assert.ok(chi < 148.2 && chi > 60.4, `chi-squared ${chi}`);
});

test('every part of the address matters, and nothing else does', () => {
  const address = { target: 'a', step: 1, position: 2 };
  const base = uniform(1, 0, 'token', address);
  assert.equal(uniform(1, 0, 'token', { ...address }), base);
  const others = [
    uniform(2, 0, 'token', address),
    uniform(1, 1, 'token', address),
    uniform(1, 0, 'order', address),
    uniform(1, 0, 'token', { ...address, target: 'b' }),
    uniform(1, 0, 'token', { ...address, step: 2 }),
    uniform(1, 0, 'token', { ...address, position: 3 }),
  ];
  assert.equal(new Set([base, ...others]).size, 7);
});
