/** What tests of jobs do with queues in SQS. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JobDocument } from '../../shared/jobs/job.ts';
import { messageOf } from '../../shared/jobs/message.ts';
import { depthOf, type Queues, type Received } from '../../shared/queue/queue.ts';

export const send = async (queues: Queues, ...jobs: readonly JobDocument[]): Promise<void> => {
  for (const job of jobs) await queues[job.priority].send(messageOf(job));
};
/** All dead letters, once there are so many. */
export async function lettersOf(queues: Queues, count: number): Promise<Received[]> {
  const found: Received[] = [];
  for (let tries = 0; tries < 300 && found.length < count; tries++)
    found.push(...(await queues.dead.receive({ most: 10, waitSeconds: 1 })));
  assert.equal(found.length, count);
  return found;
}
export const empty = async (queues: Queues): Promise<void> => {
  for (let tries = 0; tries < 3000; tries++) {
    if (depthOf(await queues.batch.depth()) === 0) return;
    await sleep(20);
  }
  assert.fail(`messages are left: ${JSON.stringify(await queues.batch.depth())}`);
};
