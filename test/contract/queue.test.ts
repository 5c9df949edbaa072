import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { createInProcessQueue } from '../../shared/queue/inProcess.ts';
import { createInProcessQueues } from '../../shared/queue/inProcessQueues.ts';
import { openSqs, startSqs } from '../support/sqs.ts';
import { queueContract } from './queue.ts';

queueContract({
  name: 'in-process',
  async open(visibilitySeconds) {
    const { batch, dead } = createInProcessQueues(visibilitySeconds, () => {});
    return { queue: batch, dead };
  },
});

const sqs = await startSqs();
after(() => sqs.stop());
let queues = 0;
queueContract({
  name: 'sqs',
  open: async (visibilitySeconds) => openSqs(sqs, `contract-${++queues}`, visibilitySeconds),
});

test('in-process: equal messages are one as long as it is there', async () => {
  const queue = createInProcessQueue({ visibilitySeconds: 30 });
  await queue.send('a');
  await queue.send('a');
  const [taken, ...more] = await queue.receive({ most: 10, waitSeconds: 0 });
  assert.ok(taken);
  assert.equal(more.length, 0);
  await queue.send('a');
  assert.deepEqual(await queue.receive({ most: 10, waitSeconds: 0 }), []);
  await queue.remove(taken.receipt);
  await queue.send('a');
  assert.equal((await queue.receive({ most: 10, waitSeconds: 0 })).length, 1);
  assert.equal(queue.size(), 1);
});
