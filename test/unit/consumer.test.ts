/** Jobs as workers do them: over one store, with models that are fakes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { cancel, type JobDocument } from '../../shared/jobs/job.ts';
import { resultKey } from '../../shared/results/results.ts';
import {
  consumerOver,
  endless,
  type FakeRun,
  listed,
  setUp,
  step,
  submitJob,
  using,
  works,
} from '../support/consumers.ts';
import { MODEL } from '../support/fakeWorker.ts';

test('a job is done once, its result stored, its progress told, and what it needed removed', async () => {
  const { store, jobs, status, cleared } = setUp();
  const asked: unknown[] = [];
  const consumer = consumerOver(store, {
    run: async (request, options, worker) => {
      asked.push(request.priority);
      await works(request, options, worker);
    },
  });
  const job = await submitJob(jobs, 'x');
  await using([consumer], async () => {
    assert.deepEqual(await consumer.take(job), { known: true });
    const done = await status(job, 'succeeded');
    assert.equal(done.attempts, 1);
    assert.deepEqual(asked, ['batch']);
    assert.ok(await store.get(resultKey({ scope: job.tenant, id: job.result.id })));
    await cleared(job);
    const { signal } = new AbortController();
    const all = await listed(consumer.events(job, undefined, signal));
    assert.deepEqual(
      all.map(({ id, progress }) => [id, progress.step]),
      [
        ['1-1', 1],
        ['1-2', 2],
      ],
    );
    const behind = await listed(consumer.events(job, '1-1', signal));
    assert.deepEqual(
      behind.map(({ id }) => id),
      ['1-2'],
    );
    // Delivered again: nothing happens.
    await consumer.take(job);
    await sleep(100);
    assert.equal(asked.length, 1);
  });
});

test('every revision is whole, and of two writers of one the second is told', async () => {
  const { jobs } = setUp();
  const job = await submitJob(jobs, 'x');
  const canceled = cancel(job, 1);
  assert.ok(canceled);
  assert.equal(await jobs.write(canceled), true);
  assert.equal(await jobs.write({ ...canceled, status: 'succeeded' }), false);
  assert.equal((await jobs.read(job))?.status, 'canceled');
});

test('two workers that both find a job: one does it', async () => {
  const { store, jobs, status } = setUp();
  const ran = new Map<string, number>();
  const run: FakeRun = async ({ id }, { onAdmitted }) => {
    await onAdmitted();
    ran.set(id, (ran.get(id) ?? 0) + 1);
    await sleep(150);
  };
  const both = ['w1', 'w2'].map((worker) => consumerOver(store, { run, worker }));
  const all: JobDocument[] = [];
  for (let i = 0; i < 12; i++) all.push(await submitJob(jobs, `x${i}`));
  await using(both, async () => {
    for (const job of all) for (const consumer of both) await consumer.take(job);
    for (const job of all) assert.equal((await status(job, 'succeeded')).attempts, 1);
  });
  assert.deepEqual(
    [...ran.values()],
    all.map(() => 1),
  );
});

test('equal jobs are one computation, and each has its progress', async () => {
  const { store, jobs, status } = setUp();
  let runs = 0;
  let release = (): void => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const run: FakeRun = async (_, { onAdmitted, onProgress }) => {
    runs++;
    await onAdmitted();
    onProgress(step(1));
    await gate;
  };
  // One slot: the ones that wait for an equal one hold none.
  const consumer = consumerOver(store, { run, slots: 1 });
  const equal = await Promise.all([1, 2, 3].map(() => submitJob(jobs, 'x')));
  await using([consumer], async () => {
    for (const job of equal) {
      await consumer.take(job);
      await status(equal[0] as JobDocument, 'processing');
    }
    const { signal } = new AbortController();
    for (const job of equal) {
      let events = consumer.events(job, undefined, signal);
      for (let tries = 0; tries < 6000 && !events; tries++) {
        await sleep(10);
        events = consumer.events(job, undefined, signal);
      }
      assert.equal((await events?.next())?.value?.id, '1-1');
    }
    release();
    for (const job of equal) await status(job, 'succeeded');
  });
  assert.equal(runs, 1);
});

test('a job that somebody waits for is not behind those that nobody does', async () => {
  const { store, jobs, status } = setUp();
  const run: FakeRun = async (request, options, worker) =>
    await (request.priority === 'batch' ? endless : works)(request, options, worker);
  const consumer = consumerOver(store, { run, slots: 1 });
  const batch = await submitJob(jobs, 'x');
  const waited = await submitJob(jobs, 'y', { priority: 'interactive' });
  await using([consumer], async () => {
    await consumer.take(batch);
    await status(batch, 'processing');
    await consumer.take(waited);
    await status(waited, 'succeeded');
    const canceled = cancel(await status(batch, 'processing'), 1);
    assert.ok(canceled && (await jobs.write(canceled)));
    consumer.cancel(batch);
  });
});

test('a job that was canceled stops, told at once or found by the next sign of life', async () => {
  const { store, jobs, status, cleared } = setUp();
  const consumer = consumerOver(store, { run: endless });
  await using([consumer], async () => {
    for (const isTold of [true, false]) {
      const job = await submitJob(jobs, `x${isTold}`);
      await consumer.take(job);
      const running = await status(job, 'processing');
      const next = cancel(running, Date.now());
      assert.ok(next && (await jobs.write(next)));
      if (isTold) assert.deepEqual(consumer.cancel(job), { known: true });
      await cleared(job);
      assert.equal((await jobs.read(job))?.status, 'canceled');
      assert.equal(await store.get(resultKey({ scope: job.tenant, id: job.result.id })), undefined);
    }
  });
});

test('deadlines bound jobs, waiting or at work', async () => {
  const { store, jobs, status, cleared } = setUp();
  const consumer = consumerOver(store, { run: endless });
  await using([consumer], async () => {
    const job = await submitJob(jobs, 'x', {}, 300);
    await consumer.take(job);
    assert.equal((await status(job, 'failed')).failure?.code, 'deadline_exceeded');
    await cleared(job);
    const late = await submitJob(jobs, 'y', {}, 0);
    await consumer.take(late);
    const failed = await status(late, 'failed');
    assert.deepEqual([failed.failure?.code, failed.attempts], ['deadline_exceeded', 0]);
  });
});

test('a model that was replaced, or is another worker’s', async () => {
  const { store, jobs, status } = setUp();
  const consumer = consumerOver(store, { run: works });
  await using([consumer], async () => {
    const models = [{ id: MODEL.id, digest: 'e'.repeat(64) }];
    const result = { id: '', models, replace: false };
    const replaced = await submitJob(jobs, 'x', { result });
    await consumer.take(replaced);
    assert.equal((await status(replaced, 'failed')).failure?.code, 'model_not_loaded');
    const elsewhere = { ...result, models: [{ id: 'other', digest: 'e'.repeat(64) }] };
    const other = await submitJob(jobs, 'y', { result: elsewhere });
    assert.deepEqual(await consumer.take(other), { known: false, reason: 'no_model' });
    await sleep(300);
    assert.equal((await jobs.read(other))?.status, 'queued');
  });
});

test('pages of jobs: the newest first, each once, however many come meanwhile; by status', async () => {
  const { jobs } = setUp();
  const made: string[] = [];
  for (let i = 0; i < 45; i++) {
    const job = await submitJob(jobs, `x${i}`);
    made.unshift(job.id);
    const canceled = cancel(job, 1);
    if (i % 9 === 0 && canceled) await jobs.write(canceled);
    await sleep(1);
  }
  const seen: string[] = [];
  let after: string | undefined;
  do {
    const page = await jobs.page('default', { limit: 10, after });
    seen.push(...page.jobs.map(({ id }) => id));
    after = page.next;
    await submitJob(jobs, `later ${seen.length}`);
    await submitJob(jobs, 'other', { tenant: 'other' });
  } while (after !== undefined);
  assert.deepEqual(seen, made);
  const canceled = await jobs.page('default', { limit: 100, status: 'canceled' });
  assert.equal(canceled.jobs.length, 5);
  assert.equal(canceled.next, undefined);
  assert.deepEqual(await jobs.page('nobody', { limit: 10 }), { jobs: [] });
});
