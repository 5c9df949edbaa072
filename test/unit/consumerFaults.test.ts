/** What becomes of jobs when workers end, fail, or are full: over one store, with models that are fakes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { refusal } from '../../shared/api/problem.ts';
import { MOST_ATTEMPTS, start } from '../../shared/jobs/job.ts';
import { resultKey } from '../../shared/results/results.ts';
import type { Consumer } from '../../worker/consumer/consumer.ts';
import {
  consumerOver,
  endless,
  FAST,
  type FakeRun,
  fakeResult,
  setUp,
  submitJob,
  using,
  works,
} from '../support/consumers.ts';

test('a worker that has gone: the job is found, and done by another when its lease is over', async () => {
  const { store, jobs, status } = setUp();
  const job = await submitJob(jobs, 'x');
  const silent = { ...FAST, heartbeatMilliseconds: 1e9, leaseMilliseconds: 5000 };
  const lost = consumerOver(store, { run: endless, worker: 'lost', times: silent });
  lost.start();
  await lost.take(job);
  await status(job, 'processing');
  // The sweep of another finds the job in the store alone.
  const next = consumerOver(store, { run: works, worker: 'next' });
  await using([next], async () => {
    await sleep(500);
    assert.equal((await jobs.read(job))?.attempts, 1, 'a worker that may live keeps its job');
    const done = await status(job, 'succeeded');
    assert.equal(done.attempts, 2);
  });
  lost.cancel(job);
  await lost.stop();
});

test('two workers that both compute one job, since one was taken for gone: the first result, one end, one webhook id', async () => {
  const { store, jobs, status } = setUp();
  const webhook = { url: 'https://receiver.example/', events: ['job.succeeded' as const] };
  const job = await submitJob(jobs, 'x', { webhook });
  let release = (): void => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const ran: string[] = [];
  const told: string[] = [];
  const over = (worker: string, run: FakeRun, times = FAST): Consumer =>
    consumerOver(store, {
      worker,
      times,
      run,
      // Whoever computes takes another time for it: so bytes tell whose a result is.
      result: ({ id }) => {
        ran.push(worker);
        const fake = fakeResult(id);
        return { ...fake, usage: { ...fake.usage, milliseconds: ran.length } };
      },
      announced: async (events) => void told.push(...events.map(({ id }) => id)),
    });
  const silent = { ...FAST, heartbeatMilliseconds: 1e9, leaseMilliseconds: 100 };
  const slow = over('slow', (_, options) => options.onAdmitted().then(() => released), silent);
  const next = over('next', works);
  await using([slow], async () => {
    await slow.take(job);
    await status(job, 'starting');
    await using([next], async () => void (await status(job, 'succeeded')));
    const key = resultKey({ scope: job.tenant, id: job.result.id });
    const first = await store.get(key);
    release();
    await slow.stop();
    assert.deepEqual(ran, ['next', 'slow']);
    assert.deepEqual(await store.get(key), first, 'who asked for it may have seen it');
  });
  const done = await jobs.read(job);
  assert.deepEqual([done?.status, done?.attempts], ['succeeded', 2]);
  assert.ok(told.length >= 1);
  assert.equal(new Set(told).size, 1, told.join());
});

test('a worker started anew in its place takes up its jobs at once', async () => {
  const { store, jobs, status } = setUp();
  const job = await submitJob(jobs, 'x');
  const begun = start(job, { worker: 'w1', until: Date.now() + 3_600_000 }, 1);
  assert.ok(begun && (await jobs.write(begun)));
  const consumer = consumerOver(store, { run: works, worker: 'w1' });
  await using([consumer], async () => void (await status(job, 'succeeded')));
});

test('a failure that may pass is tried again, within bounds; one that will not is told', async () => {
  const { store, jobs, status } = setUp();
  const runs: string[] = [];
  const run: FakeRun = async ({ id }, { onAdmitted }) => {
    await onAdmitted();
    runs.push(id);
    const times = runs.filter((one) => one === id).length;
    if (id === passes.result.id && times < 3) throw refusal('internal', 'it broke');
    if (id === breaks.result.id) throw refusal('internal', 'it broke again');
    if (id === wrong.result.id) throw refusal('invalid_image', 'no picture', '/inputs/rgb');
  };
  const consumer = consumerOver(store, { run });
  const passes = await submitJob(jobs, 'passes');
  const breaks = await submitJob(jobs, 'breaks');
  const wrong = await submitJob(jobs, 'wrong');
  await using([consumer], async () => {
    const done = await status(passes, 'succeeded');
    assert.deepEqual([done.attempts, done.failure], [3, undefined]);
    const broken = await status(breaks, 'failed');
    assert.deepEqual(broken.failure, { code: 'internal', detail: 'it broke again' });
    assert.equal(broken.attempts, MOST_ATTEMPTS);
    const refused = await status(wrong, 'failed');
    assert.equal(refused.attempts, 1);
    assert.deepEqual(refused.failure?.errors, [{ detail: 'no picture', pointer: '/inputs/rgb' }]);
  });
});

test('a job that brings its workers down fails with the reason', async () => {
  const { store, jobs, status } = setUp();
  const job = await submitJob(jobs, 'poison');
  const gone: Consumer[] = [];
  for (let attempts = 0; attempts < MOST_ATTEMPTS; attempts++) {
    const dying = consumerOver(store, { run: endless, worker: 'w1' });
    dying.start();
    await dying.take(job);
    for (let tries = 0; (await jobs.read(job))?.attempts !== attempts + 1; tries++) {
      assert.ok(tries < 6000);
      await sleep(10);
    }
    await status(job, 'processing');
    // It takes nothing more, and never ends what it has.
    void dying.stop();
    gone.push(dying);
  }
  const last = consumerOver(store, { run: works, worker: 'w1' });
  await using([last], async () => {
    const failed = await status(job, 'failed');
    assert.equal(failed.failure?.code, 'attempts_exhausted');
  });
  for (const consumer of gone) consumer.cancel(job);
});

test('no room here: the job waits, and its attempts do not count', async () => {
  const { store, jobs, status } = setUp();
  let refusals = 0;
  const run: FakeRun = async (request, options, worker) => {
    if (refusals++ < 5) throw refusal('overloaded', 'full');
    await works(request, options, worker);
  };
  const consumer = consumerOver(store, { run });
  const job = await submitJob(jobs, 'x');
  await using([consumer], async () => {
    const done = await status(job, 'succeeded');
    assert.deepEqual([done.attempts, done.revision], [1, 4], 'waiting writes nothing');
  });
});

test('a worker that stops gives its jobs back, and the next one does them', async () => {
  const { store, jobs, status } = setUp();
  const job = await submitJob(jobs, 'x');
  let stop = (): void => {};
  const stopped = new Promise<void>((resolve) => {
    stop = resolve;
  });
  const first = consumerOver(store, {
    worker: 'first',
    run: async (_, { onAdmitted }) => {
      await onAdmitted();
      await stopped;
      throw refusal('not_ready', 'the worker is stopping');
    },
  });
  first.start();
  await first.take(job);
  await status(job, 'starting');
  stop();
  await first.stop();
  const back = await status(job, 'queued');
  assert.equal(back.attempts, 0);
});
