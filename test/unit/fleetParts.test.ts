/** Parts of the fleet's simulator that have no theory: the clock, curves of times, the order of workers, saturation. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inTurn } from '../../edge/dispatch/turn.ts';
import { createClock } from '../bench/fleet/clock.ts';
import { timeOn } from '../bench/fleet/measured.ts';
import { countOperations } from '../bench/fleet/operations.ts';
import { type Load, type Resource, resourcesOf, saturations } from '../bench/fleet/saturation.ts';
import { fc } from '../support/properties.ts';

test('the clock lets things happen by their time, equal ones as they were said', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 60 }), (delays) => {
      const clock = createClock();
      const seen: { delay: number; order: number; at: number }[] = [];
      for (const [order, delay] of delays.entries())
        clock.after(delay, () => void seen.push({ delay, order, at: clock.now() }));
      clock.run(100);
      const expected = delays
        .map((delay, order) => ({ delay, order, at: delay }))
        .sort((a, b) => a.delay - b.delay || a.order - b.order);
      assert.deepEqual(seen, expected);
      assert.equal(clock.now(), 100);
    }),
  );
});

test('what happens may say what happens next, and nothing happens after the end', () => {
  const clock = createClock();
  let count = 0;
  const again = (): void => {
    count++;
    clock.after(1, again);
  };
  clock.after(1, again);
  clock.run(10);
  assert.equal(count, 9, 'what is due at the end is not before it');
});

test('times lie on straight lines between what was measured, and go on behind it', () => {
  const curve = [
    [1, 10],
    [8, 24],
    [32, 96],
  ] as const;
  assert.equal(timeOn(curve, 1), 10);
  assert.equal(timeOn(curve, 8), 24);
  assert.equal(timeOn(curve, 4.5), 17);
  assert.equal(timeOn(curve, 20), 60);
  assert.equal(timeOn(curve, 64), 192);
  assert.equal(timeOn([[1, 7]], 5), 7);
});

test('workers are tried in turn, those that answer soonest first', () => {
  const all = ['a2', 'b0', 'c1', 'd0', 'e0'];
  const wait = (worker: string): number => Number(worker[1]);
  assert.deepEqual([...inTurn(all, 0, wait)], ['b0', 'd0', 'e0', 'c1', 'a2']);
  assert.deepEqual([...inTurn(all, 3, wait)], ['d0', 'e0', 'b0', 'c1', 'a2']);
  assert.deepEqual([...inTurn(all, 8, wait)], ['d0', 'e0', 'b0', 'c1', 'a2']);
  assert.deepEqual([...inTurn([], 8, wait)], []);
});

test('what saturates is found where demand meets its bound', () => {
  const resource = (name: string, bound: number, demand: Resource['demand']): Resource => ({
    ...{ name, path: 'jobs', unit: '', source: '', cure: '' },
    ...{ bound, demand },
  });
  const loadOf = (workers: number): Load => ({ workers, rate: 10 * workers, open: 0, seconds: 1 });
  const found = saturations(
    [
      resource('never', 1, () => 0),
      resource('late', 5000, ({ rate }) => rate),
      resource('early', 900, ({ workers }) => workers ** 2),
    ],
    loadOf,
  );
  assert.deepEqual(
    found.map(({ resource: { name } }) => name),
    ['early', 'late', 'never'],
  );
  const [early, late, never] = found.map(({ workers }) => workers);
  assert.ok(Math.abs((early ?? 0) - 30) < 0.1);
  assert.ok(Math.abs((late ?? 0) - 500) < 1);
  assert.equal(never, Number.POSITIVE_INFINITY);
});

test("a job's requests to the store are counted by prefix, with the real code", async () => {
  const operations = await countOperations();
  const jobs = operations.job.get('jobs');
  // queued, starting, processing, succeeded: a revision each, and each is read back.
  assert.equal(jobs?.writes, 4);
  assert.ok((jobs?.reads ?? 0) >= 4);
  assert.equal(operations.job.get('results')?.writes, 1);
  assert.equal(operations.heartbeat.get('job-leases')?.writes, 1);
  assert.deepEqual(operations.look.get('jobs'), { reads: 1, writes: 0 });
  assert.ok(resourcesOf(operations).every(({ cure, source }) => cure !== '' && source !== ''));
});
