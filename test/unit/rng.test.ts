/** The counter-based generator: published known answers, uniformity, independence of addresses. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { normals, philox, uniform } from '../../worker/engine/rng.ts';

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

describe('normal numbers', () => {
  const place = { target: 'tok_rgb@224', step: 0 };
  const count = 200_000;

  test('have the mean, variance, tails and kurtosis of a standard normal distribution', () => {
    const numbers = normals(3, 0, place, count);
    const moment = (power: number) =>
      numbers.reduce((sum, value) => sum + value ** power, 0) / count;
    // Four standard errors of each moment.
    assert.ok(Math.abs(moment(1)) < 4 / Math.sqrt(count));
    assert.ok(Math.abs(moment(2) - 1) < 4 * Math.sqrt(2 / count));
    assert.ok(Math.abs(moment(3)) < 4 * Math.sqrt(15 / count));
    assert.ok(Math.abs(moment(4) - 3) < 4 * Math.sqrt(96 / count));
    const beyond = numbers.filter((value) => Math.abs(value) > 1.959964).length / count;
    assert.ok(Math.abs(beyond - 0.05) < 4 * Math.sqrt((0.05 * 0.95) / count), `${beyond}`);
  });

  test('neighbours are not correlated', () => {
    const numbers = normals(3, 0, place, count);
    for (const lag of [1, 2, 3, 4]) {
      let sum = 0;
      for (let i = lag; i < count; i++) sum += numbers[i]! * numbers[i - lag]!;
      assert.ok(Math.abs(sum / count) < 4 / Math.sqrt(count), `lag ${lag}`);
    }
  });

  test('are the same for the same address, and a beginning of more of them', () => {
    assert.deepEqual(normals(3, 1, place, 9), normals(3, 1, place, 9));
    assert.deepEqual(normals(3, 1, place, 9), normals(3, 1, place, 100).slice(0, 9));
  });

  test('are others for another seed, sample, target or step', () => {
    const others = [
      normals(3, 1, place, 8),
      normals(4, 1, place, 8),
      normals(3, 2, place, 8),
      normals(3, 1, { ...place, target: 'tok_depth@224' }, 8),
      normals(3, 1, { ...place, step: 1 }, 8),
    ].map((numbers) => numbers.join());
    assert.equal(new Set(others).size, others.length);
  });
});
