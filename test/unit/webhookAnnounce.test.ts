/** Announcing: one event for what has happened, whoever tells it, however often, and however it ends. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { JOB_EVENTS, MOST_PAYLOAD_BYTES } from '../../shared/api/webhookEvents.ts';
import { announceBatch } from '../../shared/batches/announce.ts';
import { createBatch, failBatch } from '../../shared/batches/batch.ts';
import { announceJob } from '../../shared/jobs/announce.ts';
import { createJob, fail, type JobDocument, start, succeed } from '../../shared/jobs/job.ts';
import { present } from '../../shared/lookup.ts';
import { createMemoryStore } from '../../shared/store/memory.ts';
import type { Store } from '../../shared/store/store.ts';
import { announce, eventId } from '../../shared/webhooks/announce.ts';
import { claim, settle } from '../../shared/webhooks/event.ts';
import {
  createEventStore,
  type DueEvent,
  type EventStore,
} from '../../shared/webhooks/eventStore.ts';
import { describedJob } from '../support/describedJob.ts';

const url = 'https://receiver.example/hook';
const announcement = {
  tenant: 'default',
  subject: 'job_1',
  type: 'job.succeeded',
  url,
  at: 1000,
  data: { id: 'job_1' },
} as const;

async function dueOf(events: EventStore, now = Number.MAX_SAFE_INTEGER): Promise<DueEvent[]> {
  const found: DueEvent[] = [];
  for await (const due of events.due(now)) found.push(due);
  return found;
}
const objects = async (store: Store, prefix: string): Promise<readonly string[]> =>
  (await store.list(prefix)).keys;

test('whoever announces what another has told meanwhile finds the event, though its mark is gone again', async () => {
  const store = createMemoryStore();
  const first = await announce(createEventStore(store), announcement, 2000);
  const racing: Store = {
    ...store,
    async put(key, ...more) {
      if (key.startsWith('webhook-due/')) throw new Error('the store does not give it back');
      return await store.put(key, ...more);
    },
  };
  assert.deepEqual(await announce(createEventStore(racing), announcement, 2000), first);
  const other = { ...announcement, subject: 'job_2' };
  await assert.rejects(announce(createEventStore(racing), other, 2000), /does not give it back/);
});

test('two that announce at once have one event, which is found when it is due', async () => {
  const store = createMemoryStore();
  const events = createEventStore(store);
  const both = await Promise.all([
    announce(events, announcement, 2000),
    announce(createEventStore(store), announcement, 2001),
    announce(createEventStore(store), announcement, 2000),
  ]);
  const ids = new Set(both.map(({ id }) => id));
  assert.deepEqual([...ids], [await eventId('default', 'job_1', 'job.succeeded')]);
  assert.match(both[0]?.id ?? '', /^msg_[0-9a-f]{32}$/);
  assert.equal((await objects(store, 'webhook-events/')).length, 1);
  const found = await dueOf(events);
  assert.deepEqual(
    found.map(({ name, due }) => [name.id, due]),
    [[both[0]?.id, both[0]?.due]],
  );
  assert.deepEqual(await dueOf(events, 1999), []);
  assert.deepEqual(JSON.parse(both[0]?.body ?? ''), {
    type: 'job.succeeded',
    timestamp: '1970-01-01T00:00:01.000Z',
    data: { id: 'job_1' },
  });
});

test('what differs in tenant, subject or type is another event', async () => {
  const ids = await Promise.all([
    eventId('default', 'job_1', 'job.succeeded'),
    eventId('another', 'job_1', 'job.succeeded'),
    eventId('default', 'job_2', 'job.succeeded'),
    eventId('default', 'job_1', 'job.failed'),
  ]);
  assert.equal(new Set(ids).size, 4);
});

test('an event that has come to its end is not begun again by a late announcement', async () => {
  const store = createMemoryStore();
  const events = createEventStore(store);
  const event = await announce(events, announcement, 2000);
  const claimed = present(claim(event, { worker: 'w1', until: 9000 }, 2000), 'the claim');
  assert.ok(await events.write(claimed, event));
  assert.equal((await dueOf(events)).length, 1, 'it is found as long as it is under way');
  const done = present(settle(claimed, { is: 'accepted', status: 200 }, 2100, 0), 'the end');
  assert.ok(await events.write(done, claimed));
  assert.deepEqual(await dueOf(events), []);
  assert.equal((await announce(events, announcement, 3000)).status, 'delivered');
  assert.deepEqual(await dueOf(events), []);
});

test('an event is found at its next time, and no longer at the one before', async () => {
  const events = createEventStore(createMemoryStore());
  const event = await announce(events, announcement, 2000);
  const claimed = present(claim(event, { worker: 'w1', until: 9000 }, 2000), 'the claim');
  assert.ok(await events.write(claimed, event));
  const answer = { is: 'refused', error: 'it is down' } as const;
  const waits = present(settle(claimed, answer, 2100, 0), 'the next time');
  assert.ok(await events.write(waits, claimed));
  assert.deepEqual(
    (await dueOf(events)).map(({ due }) => due),
    [7100],
  );
});

/** A store that ends as a process does: before its n-th write. */
function endingStore(store: Store, writes: number): Store {
  let left = writes;
  const end = async <T>(work: () => Promise<T>): Promise<T> => {
    if (left-- <= 0) throw new Error('the process has ended');
    return await work();
  };
  return {
    ...store,
    put: (...args) => end(() => store.put(...args)),
    delete: (key) => end(() => store.delete(key)),
  };
}

test('a process that ends at any write loses nothing: whoever announces again makes up for it', async () => {
  for (let writes = 0; writes < 4; writes++) {
    const store = createMemoryStore();
    const dying = createEventStore(endingStore(store, writes));
    await announce(dying, announcement, 2000).catch(() => undefined);
    const events = createEventStore(store);
    const event = await announce(events, announcement, 3000);
    assert.equal(event.status, 'waiting');
    const found = (await dueOf(events)).filter(({ due }) => due === event.due);
    assert.equal(found.length, 1, `after ${writes} writes`);
  }
});

const webhook = { url, events: [...JOB_EVENTS] };
const begun = (): JobDocument =>
  present(
    start(createJob(describedJob({ webhook }), 1000), { worker: 'w1', until: 9000 }, 2000),
    'the beginning',
  );

test('a job tells what has happened to it, and what its caller wants to be told', async () => {
  const events = createEventStore(createMemoryStore());
  const job = begun();
  assert.deepEqual(
    (await announceJob(events, job, 2000)).map(({ type }) => type),
    ['job.started'],
  );
  const done = present(succeed(job, 3000), 'the end');
  const both = await announceJob(events, done, 3000);
  assert.deepEqual(
    both.map(({ type }) => type),
    ['job.started', 'job.succeeded'],
  );
  const { type, timestamp, data } = JSON.parse(both[1]?.body ?? '');
  assert.deepEqual([type, timestamp], ['job.succeeded', '1970-01-01T00:00:03.000Z']);
  assert.deepEqual(
    [data.id, data.status, data.url, data.task],
    [job.id, 'succeeded', `/v1/jobs/${job.id}`, 'generate'],
  );
  assert.equal((await events.of('default', job.id)).length, 2);
  const ends = { url, events: ['job.failed' as const] };
  assert.deepEqual(await announceJob(events, { ...done, webhook: ends }, 3000), []);
  const { webhook: _, ...silent } = done;
  assert.deepEqual(await announceJob(events, silent, 3000), []);
});

test('that a job has begun is told the same when it has ended meanwhile', async () => {
  const [early, late] = [createMemoryStore(), createMemoryStore()].map(createEventStore);
  assert.ok(early && late);
  const job = begun();
  const done = present(succeed(job, 3000), 'the end');
  const [first] = await announceJob(early, job, 2000);
  const [afterwards] = await announceJob(late, done, 3000);
  assert.equal(afterwards?.type, 'job.started');
  assert.equal(afterwards?.body, first?.body);
});

test('a batch with metadata that no webhook can hold is told without it, and what nothing holds by its id', async () => {
  const events = createEventStore(createMemoryStore());
  const url = 'https://receiver.example/hook';
  const metadata = Object.fromEntries(
    Array.from({ length: 16 }, (_, i) => [`key${i}`, '語'.repeat(512)]),
  );
  const batch = createBatch(
    {
      ...{ id: 'batch_1', tenant: 'default', window: '24h', request_id: 'r1', metadata },
      ...{ lines: 0, bytes: 0, pieces: [], webhook: { url, events: ['batch.failed'] } },
    },
    1000,
    1000,
  );
  const failure = { code: 'attempts_exhausted', detail: 'it broke' } as const;
  const failed = present(failBatch(batch, failure, { completed: 0, failed: 0 }, 2000), 'the end');
  const [event] = await announceBatch(events, failed, 2000);
  const { data } = JSON.parse(event?.body ?? '');
  assert.deepEqual([data.id, data.status, data.metadata], ['batch_1', 'failed', null]);
  const huge = { ...announcement, data: { id: 'job_1', text: 'x'.repeat(30_000) } };
  assert.deepEqual(JSON.parse((await announce(events, huge, 2000)).body).data, { id: 'job_1' });
});

test('a failure that says more than a webhook can is told without its fields', async () => {
  const events = createEventStore(createMemoryStore());
  const detail = 'ü'.repeat(1000);
  const errors = Array.from({ length: 16 }, () => ({ detail, pointer: '/inputs' }));
  const failed = fail(begun(), { code: 'invalid_input', detail, errors }, 3000);
  const [, event] = await announceJob(events, present(failed, 'the end'), 3000);
  const bytes = new TextEncoder().encode(event?.body).length;
  assert.ok(bytes < MOST_PAYLOAD_BYTES, `${bytes} bytes`);
  const { problem } = JSON.parse(event?.body ?? '').data;
  assert.deepEqual([problem.code, problem.errors], ['invalid_input', undefined]);
});
