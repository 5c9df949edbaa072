/** Messages that nobody can handle, and jobs that bring their workers down: over a server that speaks SQS, with models that are fakes. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type JobDocument, start } from '../../shared/jobs/job.ts';
import { messageOf } from '../../shared/jobs/message.ts';
import { depthOf } from '../../shared/queue/queue.ts';
import { consumerOver, setUp, submitJob, using, works } from '../support/consumers.ts';
import { openSqsQueues, startSqs } from '../support/sqs.ts';
import { empty, lettersOf, send } from '../support/sqsJobs.ts';

const sqs = await startSqs();
after(() => sqs.stop());
let fleets = 0;
const fleet = (options = {}) => openSqsQueues(sqs, `fleet-${++fleets}`, options);

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
