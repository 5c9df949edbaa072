/** The measure of recovery, on histories that were written by hand, and plans of faults. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { advance, createJob, type JobDocument, start, succeed } from '../../shared/jobs/job.ts';
import { recoveries } from '../faults/history.ts';
import { planFaults } from '../faults/plan.ts';

const hash = '0'.repeat(64);
const present = (job: JobDocument | undefined): JobDocument => job ?? assert.fail('no change');

test('a job recovers when another worker has begun it, by clocks put right', () => {
  const queued = createJob(
    {
      id: 'job',
      tenant: 'default',
      task: 'generate',
      priority: 'batch',
      request_id: 'r',
      result: { id: hash, models: [], replace: false },
    },
    1000,
  );
  // The first worker's clock is a minute ahead.
  const begun = present(start(queued, { worker: 'a', until: 90_000 }, 62_000));
  const processing = present(advance(begun, 63_000));
  const again = present(start(processing, { worker: 'b', until: 90_000 }, 9000));
  const done = present(succeed(again, 10_000));
  const history = [queued, begun, processing, again, done];
  const skews = new Map([['a', 60_000]]);
  assert.deepEqual(recoveries([history], [{ worker: 'a', at: 4000 }], skews), [5000]);
  assert.deepEqual(recoveries([history], [{ worker: 'b', at: 4000 }], skews), []);
  assert.deepEqual(recoveries([history], [{ worker: 'b', at: 11_000 }], skews), []);
});

test('a plan is the same for the same seed, has its faults in order, and leaves all as it was', () => {
  const options = { seed: 5, kills: 50, processes: 4, seconds: 120, longSeconds: 10 };
  const plan = planFaults(options);
  assert.deepEqual(planFaults(options), plan);
  const times = plan.map(({ atMilliseconds }) => atMilliseconds);
  assert.deepEqual(
    times,
    [...times].sort((a, b) => a - b),
  );
  assert.equal(plan.filter(({ fault }) => fault.do === 'kill').length, 50);
  const moods = plan.flatMap(({ fault }) => (fault.do === 'store' ? [fault.mood] : []));
  assert.equal(moods.at(-1), 'well');
  assert.ok(
    plan.findIndex(({ fault }) => fault.do === 'receiver down') <
      plan.findIndex(({ fault }) => fault.do === 'receiver back'),
  );
});
