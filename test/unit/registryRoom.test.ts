/** Who makes room for whom: the bounds that hold for every course of events, by a clock of the test's own. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decide, patienceOf } from '../../worker/registry/room.ts';
import { fc } from '../support/properties.ts';
import { type SimulatedRequest, simulate } from '../support/roomSimulation.ts';

const resident = (
  id: string,
  more: Partial<Parameters<typeof decide>[0]['residents'][number]>,
) => ({
  id,
  bytes: 1,
  uses: 0,
  loadedAt: 0,
  usedAt: 0,
  loadMilliseconds: 0,
  ...more,
});
const wanted = (id: string, since: number, bytes = 1) => ({
  id,
  bytes,
  since,
  makesRoom: true,
  loadMilliseconds: undefined,
});

describe('room for a model', () => {
  test('is made by those used least recently, and by no more of them than needed', () => {
    const residents = [
      resident('old', { usedAt: 1 }),
      resident('new', { usedAt: 3 }),
      resident('middle', { usedAt: 2 }),
    ];
    const standing = { now: 100_000, free: 0, leaving: 0, residents };
    assert.deepEqual(decide({ ...standing, wanted: [wanted('x', 0)] }).evict, ['old']);
    assert.deepEqual(decide({ ...standing, wanted: [wanted('x', 0, 2)] }).evict, ['old', 'middle']);
  });

  test('is not made under a request, nor by another model before the one at work ends', () => {
    const residents = [resident('busy', { uses: 1 }), resident('idle', { usedAt: 1 })];
    const standing = { free: 0, leaving: 0, residents, wanted: [wanted('x', 1_000, 2)] };
    const early = decide({ ...standing, now: 1_500 });
    assert.deepEqual([early.evict, early.drain], [[], []]);
    assert.equal(early.again, 1_000 + patienceOf(0).turn);
    const late = decide({ ...standing, now: 1_000 + patienceOf(0).turn });
    assert.deepEqual([late.evict, late.drain], [[], ['busy', 'idle']]);
  });

  test('is not asked for twice while it is being freed', () => {
    const standing = { now: 100_000, free: 0, leaving: 1, residents: [resident('other', {})] };
    const decision = decide({ ...standing, wanted: [wanted('x', 0)] });
    assert.deepEqual([decision.evict, decision.load], [[], []]);
  });

  test('what fits is loaded beside what waits for room, until that one has its turn', () => {
    const residents = [resident('busy', { bytes: 3, uses: 1 })];
    const both = [wanted('large', 0, 3), wanted('small', 1)];
    const standing = { free: 1, leaving: 0, residents, wanted: both };
    assert.deepEqual(decide({ ...standing, now: 10 }).load, ['small']);
    assert.deepEqual(decide({ ...standing, now: 100_000 }).load, []);
  });
});

/** Two models that do not fit together. */
const two = (loadMilliseconds: number) =>
  ['a', 'b'].map((id) => ({ id, bytes: 1, loadMilliseconds }));

test('requests that alternate between two models do not swap them each time', () => {
  for (const loadMilliseconds of [100, 3_000, 20_000]) {
    // Ten a second for each model, for five minutes.
    const requests = Array.from(
      { length: 6_000 },
      (_, i): SimulatedRequest => ({
        model: i % 2 === 0 ? 'a' : 'b',
        arrives: i * 50,
        takes: 120,
      }),
    );
    const { waits, loads, ended } = simulate(two(loadMilliseconds), 1, requests);
    const { turn } = patienceOf(loadMilliseconds);
    assert.ok(
      loads <= 2 + ended / (turn + loadMilliseconds),
      `${loads} loads of ${loadMilliseconds}`,
    );
    assert.ok(loads >= 4, 'both have their turns');
    // The other one's turn, its last request, and both loads.
    const bound = 2 * turn + 2 * loadMilliseconds + 2 * 120;
    assert.ok(Math.max(...waits) <= bound, `${Math.max(...waits)} of ${bound}`);
  }
});

test('the last caller of each of two models in turn: one who comes back soon finds it in memory', () => {
  // Each caller sends its next request 20 ms after the last was answered, as if alone.
  const requests = Array.from(
    { length: 400 },
    (_, i): SimulatedRequest => ({
      model: i % 2 === 0 ? 'a' : 'b',
      arrives: Math.floor(i / 2) * 120 + (i % 2) * 60,
      takes: 100,
    }),
  );
  const { loads } = simulate(two(1_000), 1, requests);
  assert.ok(loads < 40, `${loads} loads for 400 requests`);
});

test('whatever comes: within the budget, nobody waits for ever, no swap without need', () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 });
  const course = sizes.chain((bytes) =>
    fc.record({
      bytes: fc.constant(bytes),
      budget: fc.integer({ min: Math.max(...bytes), max: 12 }),
      loadMilliseconds: fc.integer({ min: 0, max: 20_000 }),
      requests: fc.array(
        fc.record({
          model: fc.integer({ min: 0, max: bytes.length - 1 }).map(String),
          arrives: fc.integer({ min: 0, max: 100_000 }),
          takes: fc.integer({ min: 0, max: 5_000 }),
        }),
        { maxLength: 60 },
      ),
    }),
  );
  fc.assert(
    fc.property(course, ({ bytes, budget, loadMilliseconds, requests }) => {
      const models = bytes.map((size, i) => ({ id: String(i), bytes: size, loadMilliseconds }));
      const { waits, loads, mostBytes } = simulate(models, budget, requests);
      assert.ok(mostBytes <= budget);
      const { turn } = patienceOf(loadMilliseconds);
      // Every other model may come first, each with its turn, its load and its last request.
      const bound = bytes.length * (turn + 2 * loadMilliseconds + 5_000) + 5_000;
      for (const wait of waits) assert.ok(wait <= bound, `${wait} of ${bound}`);
      const used = new Set(requests.map(({ model }) => model));
      const all = bytes.filter((_, i) => used.has(String(i))).reduce((sum, size) => sum + size, 0);
      if (all <= budget) assert.equal(loads, used.size, 'what fits together is loaded once');
      assert.ok(loads <= requests.length);
    }),
    { numRuns: 500 },
  );
});
