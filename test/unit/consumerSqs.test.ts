/** Jobs from queues that workers share: over a server that speaks SQS, with models that are fakes. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createJobId } from '../../shared/api/jobId.ts';
import { refusal } from '../../shared/api/problem.ts';
import { type JobDocument, MOST_ATTEMPTS, start } from '../../shared/jobs/job.ts';
import { messageOf } from '../../shared/jobs/message.ts';
import { depthOf, type Queues, type Received } from '../../shared/queue/queue.ts';
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

const sqs = await startSqs();
after(() => sqs.stop());
let fleets = 0;
const fleet = (options = {}) => openSqsQueues(sqs, `fleet-${++fleets}`, options);

const send = async (queues: Queues, ...jobs: readonly JobDocument[]): Promise<void> => {
  for (const job of jobs) await queues[job.priority].send(messageOf(job));
};
/** All dead letters, once there are so many. */
async function lettersOf(queues: Queues, count: number): Promise<Received[]> {
  const found: Received[] = [];
  for (let tries = 0; tries < 300 && found.length < count; tries++)
    found.push(...(await queues.dead.receive({ most: 10, waitSeconds: 1 })));
  assert.equal(found.length, count);
  return found;
}
const empty = async (queues: Queues): Promise<void> => {
  for (let tries = 0; tries < 300; tries++) {
    if (depthOf(await queues.batch.depth()) === 0) return;
    await sleep(20);
  }
  assert.fail(`messages are left: ${JSON.stringify(await queues.batch.depth())}`);
};
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

test('what names no job is buried with the reason', async () => {
  const { store } = setUp();
  const { open } = fleet();
  const queues = open();
  for (const body of ['{"tenant":"a/b","id":"x"}', 'no JSON', '{}']) await queues.batch.send(body);
  await using([consumerOver(store, { run: works, queues: open() })], async () => {
    const letters = await lettersOf(queues, 3);
    assert.ok(letters.every(({ reason }) => reason === 'the message names no job'));
    await empty(queues);
  });
});

test('a job that brings its workers down is buried, and has the reason', async () => {
  const { store, jobs, status } = setUp();
  const { open } = fleet();
  const job = await submitJob(jobs, 'poison');
  let begun: JobDocument = job;
  for (let i = 0; i < 3; i++) {
    const next = start(begun, { worker: `gone${i}`, until: Date.now() }, Date.now());
    assert.ok(next && (await jobs.write(next)));
    begun = next;
  }
  const queues = open();
  await send(queues, job);
  await using([consumerOver(store, { run: works, queues: open() })], async () => {
    const failed = await status(job, 'failed');
    assert.equal(failed.failure?.code, 'attempts_exhausted');
    const [letter] = await lettersOf(queues, 1);
    assert.equal(letter?.reason, failed.failure?.detail);
    assert.equal(letter?.body, messageOf(job));
    await empty(queues);
  });
});

test('workers that end before they say anything: after ten of them the job fails, one that is at work does not', async () => {
  const { store, jobs, status } = setUp();
  const { open } = fleet();
  const queues = open();
  const poison = await submitJob(jobs, 'poison');
  const working = await submitJob(jobs, 'working');
  const begun = start(working, { worker: 'other', until: Date.now() + 3_600_000 }, Date.now());
  assert.ok(begun && (await jobs.write(begun)));
  await send(queues, poison, working);
  for (let times = 0; times < 10; times++) {
    const taken = await queues.batch.receive({ most: 10, waitSeconds: 1 });
    assert.equal(taken.length, 2);
    for (const { receipt } of taken) await queues.batch.hide(receipt, 0);
  }
  await using([consumerOver(store, { run: works, queues: open() })], async () => {
    const failed = await status(poison, 'failed');
    assert.match(failed.failure?.detail ?? '', /given to a worker 10 times/);
    const [letter] = await lettersOf(queues, 1);
    assert.equal(letter?.reason, failed.failure?.detail);
    assert.equal((await jobs.read(working))?.status, 'starting');
  });
});

test('what the queue has given up by itself: the job fails with the reason, and the letter has it too', async () => {
  const { store, jobs, status } = setUp();
  const { open } = fleet({ redriveAfter: 1, visibilitySeconds: 1 });
  const queues = open();
  const lost = await submitJob(jobs, 'lost');
  await send(queues, lost);
  await queues.webhooks.send('a delivery of a webhook');
  for (const queue of [queues.batch, queues.webhooks])
    assert.equal((await queue.receive({ most: 1, waitSeconds: 1 })).length, 1);
  await sleep(1100);
  for (const queue of [queues.batch, queues.webhooks])
    await queue.receive({ most: 1, waitSeconds: 0 });
  assert.equal(depthOf(await queues.dead.depth()), 2);
  await using([consumerOver(store, { run: works, queues: open() })], async () => {
    const failed = await status(lost, 'failed');
    assert.equal(failed.failure?.code, 'attempts_exhausted');
    assert.match(failed.failure?.detail ?? '', /the queue gave the job up/);
    await sleep(1200);
    const letters = await lettersOf(queues, 2);
    const reasons = new Map(letters.map(({ body, reason }) => [body, reason]));
    assert.equal(reasons.get(messageOf(lost)), failed.failure?.detail);
    assert.equal(reasons.get('a delivery of a webhook'), undefined, 'another’s is left as it is');
  });
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
