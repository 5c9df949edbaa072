import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBuckets } from '../../shared/limits/buckets.ts';
import { fc } from '../support/properties.ts';

const demand = (cost: number, quota = 60, id = 'a') => ({ id, policy: id, quota, cost });

test('a bucket gives a minute’s worth at once, and is refilled all the time', () => {
  let now = 0;
  const buckets = createBuckets(() => now);
  for (let i = 0; i < 60; i++) assert.ok(buckets.admit([demand(1)]).isAdmitted);
  const refused = buckets.admit([demand(1)]);
  assert.deepEqual(refused.standings, [{ policy: 'a', quota: 60, remaining: 0, seconds: 1 }]);
  now = 999;
  assert.ok(!buckets.admit([demand(1)]).isAdmitted);
  now = 1000;
  assert.ok(buckets.admit([demand(1)]).isAdmitted);
});

test('what is refused takes nothing from any bucket', () => {
  const buckets = createBuckets(() => 0);
  assert.ok(buckets.admit([demand(5, 5, 'small')]).isAdmitted);
  const refused = buckets.admit([demand(10, 60, 'large'), demand(1, 5, 'small')]);
  assert.deepEqual(
    refused.exceeded.map(({ policy }) => policy),
    ['small'],
  );
  assert.equal(buckets.admit([demand(0, 60, 'large')]).standings[0]?.remaining, 60);
});

test('what costs more than a minute’s worth is done from a full bucket, and paid for later', () => {
  let now = 0;
  const buckets = createBuckets(() => now);
  const first = buckets.admit([demand(180)]);
  assert.deepEqual(first.standings, [{ policy: 'a', quota: 60, remaining: 0, seconds: 180 }]);
  now = 120_000;
  assert.ok(!buckets.admit([demand(1)]).isAdmitted);
  now = 121_000;
  assert.ok(buckets.admit([demand(1)]).isAdmitted);
});

test('never more than the quota and what time has brought, and Retry-After suffices', () => {
  const step = fc.record({ wait: fc.nat(5000), cost: fc.integer({ min: 1, max: 80 }) });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 50 }),
      fc.array(step, { maxLength: 60 }),
      (quota, steps) => {
        let [now, used, largest] = [0, 0, 0];
        const buckets = createBuckets(() => now);
        for (const { wait, cost } of steps) {
          now += wait;
          const { isAdmitted, standings } = buckets.admit([demand(cost, quota)]);
          if (!isAdmitted) {
            now += (standings[0]?.seconds ?? 0) * 1000;
            assert.ok(buckets.admit([demand(cost, quota)]).isAdmitted);
          }
          used += cost;
          largest = Math.max(largest, cost);
          // A request larger than the bucket leaves it in debt by what is beyond.
          assert.ok(used <= quota + (now / 60_000) * quota + Math.max(0, largest - quota) + 1e-6);
        }
      },
    ),
  );
});
