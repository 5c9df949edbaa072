/** What SQS bounds, and what becomes of it: over a server that speaks its protocol. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { SendMessageCommand } from '@aws-sdk/client-sqs';
import { createSqsClient, createSqsQueue } from '../../shared/queue/sqs.ts';
import { openSqs, startSqs } from '../support/sqs.ts';

const sqs = await startSqs();
after(() => sqs.stop());
const inspect = (name: string) =>
  sqs.server.inspectQueue(name)?.messages ?? assert.fail(`there is no queue ${name}`);

test('a delay beyond 15 minutes: the message says when it is due, and whoever gets it before sends it again', async () => {
  const { queue, url } = openSqs(sqs, 'late', 30);
  const before = Date.now();
  await queue.send('a', 7200);
  const [waiting] = inspect('late').delayed;
  const due = Number(waiting?.messageAttributes.not_before?.StringValue);
  assert.ok(due >= before + 7_200_000 && due <= Date.now() + 7_200_000);
  const delay = (waiting?.delayUntil ?? 0) - before;
  assert.ok(delay > 899_000 && delay < 902_000, `${delay} ms`);

  const soon = Date.now() + 1500;
  await sqs.client.send(
    new SendMessageCommand({
      QueueUrl: url,
      MessageBody: 'b',
      MessageAttributes: { not_before: { DataType: 'Number', StringValue: String(soon) } },
    }),
  );
  const [first, ...more] = await queue.receive({ most: 10, waitSeconds: 10 });
  assert.ok(Date.now() >= soon, 'not before it is due');
  assert.deepEqual([first?.body, first?.deliveries, more.length], ['b', 1, 0]);
  await queue.remove(first?.receipt ?? '');
  assert.deepEqual(inspect('late').inflight, []);
});

test('a message is hidden for 12 hours in all at most: beyond, it is left to the next receiver', async () => {
  let now = Date.now();
  const { queue } = openSqs(sqs, 'long', 30, { now: () => now });
  await queue.send('a');
  const [taken] = await queue.receive({ most: 1, waitSeconds: 1 });
  const hiddenFor = () =>
    ((inspect('long').inflight[0]?.visibilityDeadline ?? 0) - Date.now()) / 1000;
  now += (12 * 60 - 10) * 60_000;
  await queue.hide(taken?.receipt ?? '', 1800);
  assert.ok(hiddenFor() > 500 && hiddenFor() < 600, `${hiddenFor()} s`);
  now += 20 * 60_000;
  await queue.hide(taken?.receipt ?? '', 1800);
  assert.ok(hiddenFor() < 600, 'no longer');
});

test('two receivers of one queue: each message goes to one of them, and comes to the other when it is left', async () => {
  const { queue: a, url } = openSqs(sqs, 'two', 1);
  const b = createSqsQueue(createSqsClient(sqs.settings), {
    url,
    deadUrl: url,
    visibilitySeconds: 1,
  });
  for (let i = 0; i < 8; i++) await a.send(String(i));
  const both = await Promise.all([a, b].map((queue) => queue.receive({ most: 5, waitSeconds: 2 })));
  const bodies = both.flat().map(({ body }) => body);
  assert.equal(bodies.length, 8);
  assert.deepEqual(bodies.toSorted(), ['0', '1', '2', '3', '4', '5', '6', '7']);
  const [lost, ...others] = both[0] ?? [];
  for (const { receipt } of [...others, ...(both[1] ?? [])]) await a.remove(receipt);
  const [again] = await b.receive({ most: 10, waitSeconds: 5 });
  assert.deepEqual([again?.body, again?.deliveries], [lost?.body, 2]);
  // What the first one still says of it changes nothing for the second.
  await a.hide(lost?.receipt ?? '', 0);
  assert.deepEqual(await a.receive({ most: 10, waitSeconds: 0 }), []);
  await b.remove(again?.receipt ?? '');
});

test('what is given back on purpose is never given up by SQS; what is left without a word is', async () => {
  const { queue, dead } = openSqs(sqs, 'redrive', 1, { redriveAfter: 2 });
  await queue.send('waits');
  for (let times = 0; times < 5; times++) {
    const [taken] = await queue.receive({ most: 1, waitSeconds: 5 });
    assert.ok(taken, `delivery ${times}`);
    await queue.defer(taken, 0);
  }
  assert.deepEqual(await dead.receive({ most: 1, waitSeconds: 0 }), []);
  for (let times = 0; times < 2; times++) {
    assert.equal((await queue.receive({ most: 1, waitSeconds: 5 })).length, 1);
    await sleep(1100);
  }
  assert.deepEqual(await queue.receive({ most: 1, waitSeconds: 1 }), []);
  const [letter] = await dead.receive({ most: 1, waitSeconds: 2 });
  assert.deepEqual([letter?.body, letter?.reason], ['waits', undefined]);
});

test('a server that is not there: the error says which call failed', async () => {
  const gone = await startSqs();
  const { queue } = openSqs(gone, 'gone', 30);
  await gone.server.stop();
  await assert.rejects(queue.send('a'), /SQS SendMessage/);
  await assert.rejects(queue.receive({ most: 1, waitSeconds: 0 }), /SQS ReceiveMessage/);
  await assert.rejects(queue.depth(), /SQS GetQueueAttributes/);
});
