/** Two things at once around a job that runs: a store that fails in the midst, and other workers with the same job. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { refusal } from '../../shared/api/problem.ts';
import { type JobDocument, start } from '../../shared/jobs/job.ts';
import { present } from '../../shared/lookup.ts';
import type { Store } from '../../shared/store/store.ts';
import { createEventLog } from '../../worker/consumer/eventLog.ts';
import {
  consumerOver,
  endless,
  FAST,
  type FakeRun,
  listed,
  setUp,
  step,
  submitJob,
  using,
  works,
} from '../support/consumers.ts';

test('a store that fails as the first step is noted ends no worker: the run goes on, and the job comes to its end', async () => {
  const { store, jobs, status } = setUp();
  const job = await submitJob(jobs, 'x');
  let failures = 0;
  const failing: Store = {
    ...store,
    async put(key, body, options) {
      if (key === `jobs/${job.tenant}/${job.id}/000003.json` && failures++ === 0)
        throw new Error('the store is out of order');
      return await store.put(key, body, options);
    },
  };
  const run: FakeRun = async (_, { onAdmitted, onProgress }) => {
    await onAdmitted();
    onProgress(step(1));
    // Long enough for a rejection that nobody handles to be told to the process.
    await sleep(50);
    onProgress(step(2));
  };
  const consumer = consumerOver(failing, { run });
  await using([consumer], async () => void (await status(job, 'succeeded')));
  assert.equal(failures > 0, true);
});

test('a log of an earlier attempt has nothing for who has seen a later one', async () => {
  const log = createEventLog(1);
  log.add(step(1));
  log.end();
  const signal = new AbortController().signal;
  assert.deepEqual(await listed(log.read('2-1', signal)), []);
  assert.equal((await listed(log.read('1-0', signal))).length, 1);
  const next = createEventLog(2);
  next.add(step(1));
  next.end();
  assert.equal((await listed(next.read('1-7', signal))).length, 1, 'a new attempt from its start');
});

test('a worker that gave a job back tells no more of it: another may have it', async () => {
  const { store, jobs, until } = setUp();
  const job = await submitJob(jobs, 'x');
  const run: FakeRun = async (_, { onAdmitted, onProgress }) => {
    await onAdmitted();
    onProgress(step(1));
    throw refusal('internal', 'it broke');
  };
  const times = { ...FAST, backoffSeconds: 600, sweepMilliseconds: 3_600_000 };
  const consumer = consumerOver(store, { run, times });
  await using([consumer], async () => {
    await consumer.take(job);
    await until(job, 'tried again', (found) => found.status === 'queued' && found.attempts === 1);
    const { signal } = new AbortController();
    for (let tries = 0; tries < 1000 && consumer.events(job, undefined, signal); tries++)
      await sleep(5);
    assert.equal(consumer.events(job, undefined, signal), undefined);
  });
});

test('a worker that was taken for gone stops, and leaves the lease to who has the job now', async () => {
  const { store, jobs, status, until } = setUp();
  const job = await submitJob(jobs, 'x');
  let stopped = false;
  const run: FakeRun = async (asked, options, worker) => {
    await endless(asked, options, worker);
    stopped = true;
  };
  const times = { ...FAST, sweepMilliseconds: 3_600_000 };
  const consumer = consumerOver(store, { run, times });
  await using([consumer], async () => {
    await consumer.take(job);
    const begun = await status(job, 'processing');
    const other = { worker: 'w2', until: Date.now() + 3_600_000 };
    const taken: JobDocument = present(start(begun, other, Date.now()), 'the second attempt');
    assert.ok(await jobs.write(taken));
    for (let tries = 0; tries < 600 && !stopped; tries++) await sleep(5);
    const isOver = stopped;
    consumer.cancel(job);
    assert.ok(isOver, 'it goes on with what is another’s');
    await jobs.hold(job, other);
    await sleep(4 * FAST.heartbeatMilliseconds);
    assert.equal((await jobs.lease(job))?.worker, 'w2');
    assert.equal((await until(job, 'kept', () => true)).attempts, 2);
    const next = consumerOver(store, { run: works, worker: 'w2', times });
    await using([next], async () => {
      await next.take(job);
      await status(job, 'succeeded');
    });
  });
});
