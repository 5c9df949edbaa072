/** Jobs from queues that workers share: over a server that speaks SQS, with models that are fakes. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createJobId } from '../../shared/api/jobId.ts';
import { refusal } from '../../shared/api/problem.ts';
import { type JobDocument, MOST_ATTEMPTS, start } from '../../shared/jobs/job.ts';
import type { Queues } from '../../shared/queue/queue.ts';
import { resultKey } from '../../shared/results/results.ts';
import type { Store } from '../../shared/store/store.ts';
import {
  type ConsumerWish,
  consumerOver,
  endless,
  FAST,
  type FakeRun,
  setUp,
  submitJob,
  using,
  works,
} from '../support/consumers.ts';
import { MODEL } from '../support/fakeWorker.ts';
import { openSqsQueues, startSqs } from '../support/sqs.ts';
import { empty, send } from '../support/sqsJobs.ts';

const sqs = await startSqs();
after(() => sqs.stop());
let fleets = 0;
const fleet = (options = {}) => openSqsQueues(sqs, `fleet-${++fleets}`, options);

const workersOver = (store: Store, queues: () => Queues, wish: ConsumerWish) =>
  ['w1', 'w2'].map((worker) => consumerOver(store, { ...wish, worker, queues: queues() }));

test('two workers on one queue: each job once, slots never exceeded, nothing left', async () => {
  const { store, jobs, status } = setUp();
  const { open } = fleet();
  const ran = new Map<string, number>();
  const busy = { w1: 0, w2: 0 };
  const run: FakeRun = async ({ id }, { onAdmitted }, worker) => {
    const own = worker as keyof typeof busy;
    assert.ok(++busy[own] <= 2, 'no more than the slots');
    await onAdmitted();
    ran.set(id, (ran.get(id) ?? 0) + 1);
    await sleep(30);
    busy[own]--;
  };
  const all: JobDocument[] = [];
  for (let i = 0; i < 20; i++) all.push(await submitJob(jobs, `x${i}`));
  const queues = open();
  await send(queues, ...all, ...all);
  await using(workersOver(store, open, { run, slots: 2 }), async () => {
    for (const job of all) assert.equal((await status(job, 'succeeded')).attempts, 1);
    await empty(queues);
  });
  assert.deepEqual([...ran.values()], Array(20).fill(1));
});

test('one message in the hands of two workers at once: one result', async () => {
  const { store, jobs, status } = setUp();
  const { open } = fleet({ visibilitySeconds: 1 });
  let writes = 0;
  const counting: Store = {
    ...store,
    put(key, ...rest) {
      if (key.startsWith('results')) writes++;
      return store.put(key, ...rest);
    },
  };
  const job = await submitJob(jobs, 'x');
  const queues = open();
  await send(queues, job, job);
  const runs: string[] = [];
  const run: FakeRun = async (_, { onAdmitted }, worker) => {
    await sleep(50);
    await onAdmitted();
    runs.push(worker);
    await sleep(1500);
  };
  await using(workersOver(counting, open, { run, slots: 1 }), async () => {
    const done = await status(job, 'succeeded');
    assert.equal(done.attempts, 1);
    await empty(queues);
  });
  assert.equal(runs.length, 1);
  assert.equal(writes, 1);
  assert.ok(await store.get(resultKey({ scope: job.tenant, id: job.result.id })));
});

test('a long job takes one slot, is hidden as long as it runs, and the other slots go on', async () => {
  const { store, jobs, status } = setUp();
  const { open, environment } = fleet({ visibilitySeconds: 2 });
  const long = await submitJob(jobs, 'long');
  let end = (): void => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const run: FakeRun = async ({ id }, { onAdmitted }) => {
    await onAdmitted();
    await (id === long.result.id ? ended : sleep(50));
  };
  const queues = open();
  await send(queues, long);
  const name = (environment.SQS_QUEUE_URL_BATCH ?? '').split('/').at(-1) ?? '';
  await using(workersOver(store, open, { run, slots: 2 }), async () => {
    try {
      await status(long, 'starting');
      const others = [];
      for (let i = 0; i < 30; i++) others.push(await submitJob(jobs, `short ${i}`));
      await send(queues, ...others);
      for (const job of others) await status(job, 'succeeded');
      await sleep(4500);
      const { inflight, ready } = sqs.server.inspectQueue(name)?.messages ?? assert.fail(name);
      assert.deepEqual(ready, []);
      const deliveries = inflight.map(({ message }) => message.approximateReceiveCount);
      assert.deepEqual(deliveries, [1], 'nobody else was given it');
    } finally {
      end();
    }
    assert.equal((await status(long, 'succeeded')).attempts, 1);
    await empty(queues);
  });
});

test('one message twice in the hands of one worker: one run, also where it is the last attempt', async () => {
  const { store, jobs, status } = setUp();
  const { open } = fleet();
  const fresh = await submitJob(jobs, 'fresh');
  let last = await submitJob(jobs, 'last');
  for (let i = 1; i < MOST_ATTEMPTS; i++) {
    const next = start(last, { worker: 'w1', until: Date.now() }, Date.now());
    assert.ok(next && (await jobs.write(next)));
    last = next;
  }
  const ran: string[] = [];
  let release = (): void => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const run: FakeRun = async ({ id }, { onAdmitted }) => {
    ran.push(id);
    await onAdmitted();
    await released;
  };
  const queues = open();
  await send(queues, fresh, fresh, last, last);
  await using([consumerOver(store, { run, queues: open(), slots: 4 })], async () => {
    try {
      await status(fresh, 'starting');
      await sleep(200);
      await send(queues, fresh, last);
      await sleep(300);
      const now = await status(last, 'starting');
      assert.equal(now.attempts, MOST_ATTEMPTS);
    } finally {
      release();
    }
    await status(fresh, 'succeeded');
    await status(last, 'succeeded');
    await empty(queues);
  });
  assert.deepEqual(ran.toSorted(), [fresh.result.id, last.result.id].toSorted());
});

test('a job that waits for room, however often, is never given up by the queue', async () => {
  const { store, jobs, status } = setUp();
  const { open } = fleet({ redriveAfter: 2, visibilitySeconds: 1 });
  const job = await submitJob(jobs, 'x');
  await send(open(), job);
  let refused = 0;
  const full: FakeRun = async (request, options, worker) => {
    if (++refused > 3) return await works(request, options, worker);
    throw refusal('overloaded', 'full');
  };
  await using(workersOver(store, open, { run: full }), async () => {
    assert.equal((await status(job, 'succeeded')).attempts, 1);
  });
  assert.deepEqual(await open().dead.depth(), { waiting: 0, delayed: 0, taken: 0 });
});

test('an emptied queue: the next look sends the jobs again', async () => {
  const { store, jobs, status } = setUp();
  const { open } = fleet();
  // Old enough to be missed.
  const id = createJobId(Date.now() - 120_000);
  const job = await submitJob(jobs, 'x', { id }, 86_400_000);
  await using(workersOver(store, open, { run: works }), async () => {
    await status(job, 'succeeded');
  });
});

test('a model that no worker has: the job waits, and fails when it has been gone for long', async () => {
  const { store, jobs, status } = setUp();
  const { open } = fleet();
  const queues = open();
  const models = [{ id: 'gone', digest: 'e'.repeat(64) }];
  const more = { result: { id: '', models, replace: false } };
  const old = await submitJob(jobs, 'old', more, 86_400_000, Date.now() - 1_900_000);
  const young = await submitJob(jobs, 'young', more);
  await send(queues, old, young);
  await using([consumerOver(store, { run: works, queues: open() })], async () => {
    const failed = await status(old, 'failed');
    assert.equal(failed.failure?.code, 'model_not_loaded');
    assert.match(failed.failure?.detail ?? '', /no worker has had the model gone for 30 minutes/);
    assert.equal((await jobs.read(young))?.status, 'queued');
  });
  // A worker that has it says so, and then it is waited for.
  const again = await submitJob(jobs, 'again', more, 86_400_000, Date.now() - 1_900_000);
  const having = consumerOver(store, {
    run: endless,
    worker: 'having',
    queues: fleet().open(),
    models: () => [{ ...MODEL, id: 'gone', digest: 'e'.repeat(64) }],
    times: { ...FAST, sweepMilliseconds: 1e6 },
  });
  await using([having], async () => await sleep(200));
  await send(queues, again);
  await using([consumerOver(store, { run: works, queues: open() })], async () => {
    await sleep(500);
    assert.equal((await jobs.read(again))?.status, 'queued');
  });
});
