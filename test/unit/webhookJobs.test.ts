/** Jobs and their webhooks: whatever ends between a job's end and its announcement, it is announced, once. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { JOB_EVENTS } from '../../shared/api/webhookEvents.ts';
import { cancel, fail, type JobDocument, start, succeed } from '../../shared/jobs/job.ts';
import { createJobStore } from '../../shared/jobs/jobStore.ts';
import { present } from '../../shared/lookup.ts';
import type { Store } from '../../shared/store/store.ts';
import type { EventDocument } from '../../shared/webhooks/event.ts';
import { createEventStore } from '../../shared/webhooks/eventStore.ts';
import { consumerOver, setUp, submitJob, using, works } from '../support/consumers.ts';

const webhook = { url: 'https://receiver.example/hook', events: [...JOB_EVENTS] };

function told(store: Store, job: JobDocument) {
  const events = createEventStore(store);
  const types = async (): Promise<string[]> =>
    (await events.of(job.tenant, job.id)).map(({ type }) => type).sort();
  const until = async (wanted: readonly string[]): Promise<void> => {
    for (let tries = 0; tries < 6000; tries++) {
      if (JSON.stringify(await types()) === JSON.stringify(wanted)) return;
      await sleep(10);
    }
    assert.fail(`${await types()} and not ${wanted}`);
  };
  return { types, until };
}

test('two workers on one job have one event for each thing that happened, and hand it on', async () => {
  const { store, jobs, status, cleared } = setUp();
  const handed: EventDocument[] = [];
  const announced = async (events: readonly EventDocument[]): Promise<void> =>
    void handed.push(...events);
  const both = ['w1', 'w2'].map((worker) => consumerOver(store, { run: works, worker, announced }));
  const all: JobDocument[] = [];
  for (let i = 0; i < 8; i++) all.push(await submitJob(jobs, `x${i}`, { webhook }));
  await using(both, async () => {
    for (const job of all) for (const consumer of both) await consumer.take(job);
    for (const job of all) await status(job, 'succeeded');
    for (const job of all) await cleared(job);
  });
  for (const job of all)
    assert.deepEqual(await told(store, job).types(), ['job.started', 'job.succeeded']);
  const ids = new Set(handed.map(({ id }) => id));
  assert.equal(ids.size, 16, 'two of each job, whoever handed them on');
});

test('a process that ended right after a job did: the sweep of the next one announces it, then clears', async () => {
  const begin = (job: JobDocument) =>
    present(start(job, { worker: 'w0', until: 0 }, Date.now()), 'the beginning');
  const ends: Record<string, (job: JobDocument) => JobDocument | undefined> = {
    'job.succeeded': (job) => succeed(job, Date.now()),
    'job.failed': (job) => fail(job, { code: 'internal', detail: 'it broke' }, Date.now()),
    'job.canceled': (job) => cancel(job, Date.now()),
  };
  for (const [type, end] of Object.entries(ends)) {
    const { store, jobs, cleared } = setUp();
    const job = await submitJob(jobs, 'x', { webhook });
    const begun = begin(job);
    assert.ok(await jobs.write(begun));
    assert.ok(await jobs.write(present(end(begun), 'the end')));
    await using([consumerOver(store, { run: works })], async () => {
      await told(store, job).until([type, 'job.started'].sort());
      await cleared(job);
    });
  }
});

test('as long as the store does not take the event, the ended job is found again', async () => {
  const { store, jobs, status, cleared } = setUp();
  let isDown = true;
  const failing: Store = {
    ...store,
    async put(key, ...rest) {
      if (isDown && key.startsWith('webhook-')) throw new Error('the store is down');
      return await store.put(key, ...rest);
    },
  };
  const job = await submitJob(jobs, 'x', { webhook });
  await using([consumerOver(failing, { run: works })], async () => {
    await status(job, 'succeeded');
    await sleep(200);
    assert.deepEqual(await told(store, job).types(), []);
    const open: string[] = [];
    for await (const { id } of createJobStore(store).open()) open.push(id);
    assert.deepEqual(open, [job.id]);
    isDown = false;
    await told(store, job).until(['job.started', 'job.succeeded']);
    await cleared(job);
  });
});

test('a job without a webhook writes nothing of one', async () => {
  const { store, jobs, status, cleared } = setUp();
  const job = await submitJob(jobs, 'x');
  await using([consumerOver(store, { run: works })], async () => {
    await status(job, 'succeeded');
    await cleared(job);
  });
  assert.deepEqual((await store.list('webhook-')).keys, []);
});
