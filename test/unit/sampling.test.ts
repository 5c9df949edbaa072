/** Filters and draws on small distributions worked out by hand, and by frequency. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { NO_FILTERS } from '../../shared/plan/filters.ts';
import { uniform } from '../../worker/engine/rng.ts';
import {
  distribution,
  drawsFor,
  inverseCdf,
  likelihoodOf,
  sampleToken,
  seededChance,
  softmax,
} from '../../worker/engine/sampling.ts';
import { keepMostConfident } from '../../worker/engine/strategies/maskgit.ts';
import { fc } from '../support/properties.ts';

const logs = (...probabilities: number[]): Float64Array =>
  Float64Array.from(probabilities, (p) => Math.log(p));
const rounded = (values: Float64Array): number[] =>
  Array.from(values, (value) => Math.round(value * 1e6) / 1e6);
const off = { ...NO_FILTERS, temperature: 1 };

describe('filters', () => {
  test('off: the softmax itself, divided by the temperature', () => {
    assert.deepEqual(rounded(distribution(logs(0.5, 0.3, 0.2), off)), [0.5, 0.3, 0.2]);
    const hot = distribution(logs(0.64, 0.36), { ...off, temperature: 2 });
    assert.deepEqual(rounded(hot), [0.571429, 0.428571]);
  });

  test('top-k as a count keeps ties, as a fraction is a share of the vocabulary', () => {
    const tied = distribution(logs(0.4, 0.2, 0.2, 0.2), { ...off, topK: 2 });
    assert.ok(tied.every((p) => p > 0));
    const two = distribution(logs(0.4, 0.3, 0.2, 0.1), { ...off, topK: 2 });
    assert.deepEqual(rounded(two), [0.571429, 0.428571, 0, 0]);
    assert.deepEqual(
      rounded(distribution(logs(0.4, 0.3, 0.2, 0.1), { ...off, topK: 0.5 })),
      rounded(two),
    );
  });

  test('top-p keeps the token that crosses the border, and the best one always', () => {
    const values = logs(0.5, 0.3, 0.15, 0.05);
    assert.deepEqual(rounded(distribution(values, { ...off, topP: 0.6 })), [0.625, 0.375, 0, 0]);
    assert.deepEqual(rounded(distribution(values, { ...off, topP: 0.01 })), [1, 0, 0, 0]);
  });

  test('top-p looks at temperature 1, whatever the temperature is', () => {
    const flat = distribution(logs(0.5, 0.3, 0.15, 0.05), { ...off, topP: 0.6, temperature: 100 });
    assert.deepEqual(
      Array.from(flat, (p) => p > 0),
      [true, true, false, false],
    );
  });

  test('top-k comes first: top-p acts on what it leaves', () => {
    // Alone, p = 0.5 keeps two tokens (0.4 does not cross it); of the two best, 0.4 / 0.7 does.
    const values = logs(0.4, 0.3, 0.2, 0.1);
    const alone = distribution(values, { ...off, topP: 0.5 });
    assert.equal(alone.filter((p) => p > 0).length, 2);
    const both = distribution(values, { ...off, topK: 2, topP: 0.5 });
    assert.deepEqual(rounded(both), [1, 0, 0, 0]);
  });

  test('sorting only what matters changes nothing', () => {
    const input = fc.record({
      logits: fc.array(fc.double({ min: -20, max: 20, noNaN: true }), {
        minLength: 1,
        maxLength: 60,
      }),
      p: fc.double({ min: 0.001, max: 1, noNaN: true }),
    });
    fc.assert(
      fc.property(input, ({ logits, p }) => {
        const plain = softmax(logits);
        const order = [...plain.keys()].sort((a, b) => plain[b]! - plain[a]! || a - b);
        const kept = new Set<number>();
        let sum = 0;
        for (const i of order) {
          if (sum > p) break;
          kept.add(i);
          sum += plain[i]!;
        }
        const ours = distribution(Float64Array.from(logits), { ...off, topP: p });
        for (const [i, value] of ours.entries()) {
          if (!kept.has(i)) assert.equal(value, 0);
          // Where rounding leaves the sum at 1 exactly, tokens that weigh nothing may differ.
          else if (plain[i]! > 1e-12) assert.ok(value > 0);
        }
      }),
    );
  });
});

describe('draws', () => {
  test('inverse CDF takes the first index whose sum exceeds u, never one of probability 0', () => {
    const probabilities = Float64Array.of(0, 0.25, 0, 0.75, 0);
    assert.deepEqual(
      [0, 0.249, 0.25, 0.999999999].map((u) => inverseCdf(probabilities, u)),
      [1, 1, 3, 3],
    );
  });

  test('frequencies follow the distribution', () => {
    const chance = seededChance(42, 0);
    const counts = [0, 0, 0];
    const draws = 30_000;
    for (let position = 0; position < draws; position++) {
      const draw = chance.draw({ target: 't', step: 0, position });
      counts[sampleToken(logs(0.6, 0.3, 0.1), off, draw).id]! += 1;
    }
    [0.6, 0.3, 0.1].forEach((p, i) => {
      const deviation = Math.sqrt(p * (1 - p) * draws);
      assert.ok(Math.abs(counts[i]! - p * draws) < 4 * deviation, `${counts}`);
    });
  });

  test('temperature zero is the argmax; the smallest scheduled one is a draw from a one-hot', () => {
    const never = () => assert.fail('nothing is drawn at zero');
    const logits = Float32Array.of(1, 3, 2);
    const zero = sampleToken(logits, { ...off, temperature: 1e-11 }, 0.9, never);
    assert.equal(zero.id, 1);
    assert.equal(zero.confidence, 1);
    const tiny = sampleToken(logits, { ...off, temperature: 1e-9 }, 0.9);
    assert.deepEqual([tiny.id, tiny.confidence], [1, 1]);
  });

  test('a shuffle is a permutation that depends on the step alone of what changes', () => {
    const positions = Array.from({ length: 50 }, (_, i) => i);
    const chance = seededChance(3, 1);
    const first = chance.shuffle(positions, 't', 0);
    assert.deepEqual(
      [...first].sort((a, b) => a - b),
      positions,
    );
    assert.notDeepEqual(first, positions);
    assert.notDeepEqual(chance.shuffle(positions, 't', 1), first);
    const kept = chance.shuffle([...positions].reverse(), 't', 0);
    assert.deepEqual(kept, first);
    assert.ok(uniform(3, 1, 'order', { target: 't', step: 0, position: first[0]! }) < 0.2);
  });
});

test('the likelihood of a token knows no filters and no temperature', () => {
  const values = logs(0.5, 0.3, 0.2);
  assert.ok(Math.abs(likelihoodOf(values, 1) - 0.3) < 1e-12);
});

test('nothing is drawn for tokens that are not drawn', () => {
  const addresses = [0, 1].map((position) => ({ target: 't', step: 0, position }));
  const chance = seededChance(4, 2);
  assert.deepEqual(drawsFor(addresses, 0, chance), [0, 0]);
  assert.deepEqual(
    drawsFor(addresses, 1e-9, chance),
    addresses.map((address) => uniform(4, 2, 'token', address)),
  );
});

test('of equally sure tokens the likelier one is kept, then the first', () => {
  const candidate = (position: number, confidence: number, likelihood: number) => ({
    position,
    id: 0,
    confidence,
    likelihood,
  });
  const kept = keepMostConfident(
    [candidate(0, 1, 0.2), candidate(1, 0.9, 0.9), candidate(2, 1, 0.8), candidate(3, 1, 0.2)],
    2,
  );
  assert.deepEqual(
    kept.map(({ position }) => position),
    [2, 0],
  );
});
