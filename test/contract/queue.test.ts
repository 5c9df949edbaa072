import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createInProcessQueue } from '../../shared/queue/inProcess.ts';
import { queueContract } from './queue.ts';

queueContract({
  name: 'in-process',
  open: async (visibilitySeconds) => createInProcessQueue({ visibilitySeconds }),
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
