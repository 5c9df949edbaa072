/** Which jobs a look at shared queues sends again, by a clock of the test's own. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createJobId } from '../../shared/api/jobId.ts';
import { cancel, start } from '../../shared/jobs/job.ts';
import { createInProcessQueue } from '../../shared/queue/inProcess.ts';
import { createInProcessQueues } from '../../shared/queue/inProcessQueues.ts';
import type { Queue } from '../../shared/queue/queue.ts';
import { createMemoryStore } from '../../shared/store/memory.ts';
import { type Look, sweepShared } from '../../worker/consumer/sweep.ts';
import { createTurn } from '../../worker/consumer/turn.ts';
import { setUp, submitJob } from '../support/consumers.ts';

const MINUTE = 60_000;

/** A queue in which equal messages are several, as in SQS. */
function createSharedQueue(now: () => number): Queue & { readonly bodies: () => string[] } {
  const inner = createInProcessQueue({ visibilitySeconds: 30, now });
  const sent: string[] = [];
  return {
    ...inner,
    isShared: true,
    bodies: () => sent,
    async send(body, delay) {
      sent.push(body);
      await inner.send(`${sent.length} ${body}`, delay);
    },
  };
}

function world() {
  let now = Date.UTC(2026, 0, 1);
  const { store, jobs } = setUp();
  const batch = createSharedQueue(() => now);
  const interactive = createSharedQueue(() => now);
  const queues = { ...createInProcessQueues(30, () => {}), batch, interactive };
  const services = { jobs, announce: async () => {}, queues, now: () => now };
  const { signal } = new AbortController();
  let made = 0;
  return {
    store,
    jobs,
    batch,
    interactive,
    pass: (milliseconds: number) => {
      now += milliseconds;
    },
    time: () => now,
    submit: (more = {}) =>
      submitJob(jobs, `x${++made}`, { id: createJobId(now), ...more }, 86_400_000, now),
    sweep: (batches?: Look['batches']) =>
      sweepShared(
        services,
        { sinceMilliseconds: MINUTE, youngMilliseconds: MINUTE, ...(batches && { batches }) },
        signal,
      ),
  };
}
const messageOf = ({ id }: { id: string }): string => JSON.stringify({ tenant: 'default', id });

test('jobs whose messages wait are left alone, however long; a young one is waited for', async () => {
  const { submit, batch, sweep, pass } = world();
  const jobs = [];
  for (let i = 0; i < 50; i++) jobs.push(await submit());
  assert.equal(await sweep(), 0, 'their messages may be on their way');
  for (const job of jobs) await batch.send(messageOf(job));
  let again = 0;
  for (let minutes = 0; minutes < 240; minutes++) {
    pass(MINUTE);
    again += await sweep();
  }
  // At a quarter of an hour, half an hour, one, two and four hours: whatever the numbers say.
  assert.equal(again, 5 * 50);
});

test('an emptied queue is filled in one look, and not a second time', async () => {
  const { submit, batch, interactive, sweep, pass } = world();
  for (let i = 0; i < 30; i++) await submit();
  await submit({ priority: 'interactive' });
  pass(2 * MINUTE);
  assert.equal(await sweep(), 31);
  assert.equal(interactive.bodies().length, 1);
  pass(MINUTE);
  assert.equal(await sweep(), 0);
  assert.equal(batch.bodies().length, 30);
});

test('of many jobs one lost its message: the oldest few are sent again, among which it will be', async () => {
  const { submit, batch, sweep, pass } = world();
  const lost = await submit();
  for (let i = 0; i < 100; i++) {
    pass(10);
    await batch.send(messageOf(await submit()));
  }
  pass(2 * MINUTE);
  assert.equal(await sweep(), 12);
  assert.ok(batch.bodies().includes(messageOf(lost)));
});

test('jobs at work are no lost ones, those that have ended are cleared, and so are inputs without a job', async () => {
  const { store, jobs, submit, batch, sweep, pass, time } = world();
  const running = await submit();
  const begun = start(running, { worker: 'w', until: time() + 60 * MINUTE }, time());
  assert.ok(begun && (await jobs.write(begun)));
  const ended = await submit();
  const canceled = cancel(ended, time());
  assert.ok(canceled && (await jobs.write(canceled)));
  const orphan = createJobId(time());
  await store.put(`job-inputs/default/${orphan}/x.json`, new Uint8Array([1]));
  const waiting = await submit();
  await batch.send(messageOf(waiting));
  pass(2 * MINUTE);
  assert.equal(await sweep(), 0);
  const left = (await store.list('job-inputs/')).keys;
  assert.ok(!left.some((key) => key.includes(ended.id)));
  assert.ok(left.some((key) => key.includes(orphan)));
  pass(10 * MINUTE);
  await sweep();
  assert.ok(!(await store.list('job-inputs/')).keys.some((key) => key.includes(orphan)));
});

test('messages of batches hide no lost job, and are found lost where there is none at all', async () => {
  const { submit, batch, sweep, pass } = world();
  const due: boolean[] = [];
  const twoBatches = async (isDue: (age: number) => boolean): Promise<number> => {
    due.push(isDue(3 * MINUTE));
    return 2;
  };
  const job = await submit();
  await batch.send('one batch');
  await batch.send('the other');
  pass(2 * MINUTE);
  assert.equal(await sweep(twoBatches), 1);
  assert.ok(batch.bodies().includes(messageOf(job)));
  assert.equal(await sweep(twoBatches), 0);
  for (const { receipt } of await batch.receive({ most: 10, waitSeconds: 0 }))
    await batch.remove(receipt);
  assert.equal(await sweep(twoBatches), 1);
  assert.deepEqual(due, [false, false, true]);
});

test('a batch is sent again as its age doubles from a minute on, also where messages of others wait', async () => {
  const { batch, sweep } = world();
  await batch.send('of another');
  const dueAt = new Set<number>();
  for (let minutes = 0; minutes < 64; minutes++)
    await sweep(async (isDue) => {
      if (isDue(minutes * MINUTE)) dueAt.add(minutes);
      return 1;
    });
  assert.deepEqual([...dueAt], [1, 2, 4, 8, 16, 32]);
});

test('of many workers one looks at a time, and a clock that goes wrong stops nobody', async () => {
  let now = 1e12;
  const store = createMemoryStore();
  const turn = (worker: string, off = 0) =>
    createTurn(store, { worker, milliseconds: MINUTE, now: () => now + off });
  const all = ['a', 'b', 'c', 'd'].map((worker) => turn(worker));
  const took = async () =>
    (await Promise.all(all.map((one) => one.take()))).filter((since) => since !== undefined).length;
  assert.equal(await took(), 1);
  assert.equal(await took(), 0);
  now += MINUTE;
  assert.equal(await took(), 1);
  now += MINUTE;
  assert.ok(await turn('ahead', 3_600_000).take());
  assert.equal(await took(), 1, 'what lies an hour ahead is no turn');
});
