/** What every queue does: see `shared/queue/queue.ts`. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Queue } from '../../shared/queue/queue.ts';

export interface QueueAccess {
  readonly name: string;
  readonly skip?: string | undefined;
  /** An empty queue. */
  readonly open: (visibilitySeconds: number) => Promise<Queue>;
}

export function queueContract({ name, skip, open }: QueueAccess): void {
  const receive = async (queue: Queue, most = 10, waitSeconds = 0) =>
    (await queue.receive({ most, waitSeconds })).map(({ body }) => body).sort();

  describe(`the ${name} queue`, { skip: skip ?? false }, () => {
    it('gives what was sent, to one receiver at a time, and never again once it is removed', async () => {
      const queue = await open(30);
      await queue.send('a');
      await queue.send('b');
      const received = await queue.receive({ most: 10, waitSeconds: 1 });
      assert.deepEqual(received.map(({ body }) => body).sort(), ['a', 'b']);
      assert.deepEqual(await receive(queue), []);
      for (const { receipt } of received) await queue.remove(receipt);
      assert.deepEqual(await receive(queue), []);
    });

    it('gives no more at once than it is asked for', async () => {
      const queue = await open(30);
      for (const body of ['a', 'b', 'c']) await queue.send(body);
      assert.equal((await receive(queue, 2, 1)).length, 2);
      assert.equal((await receive(queue, 2, 1)).length, 1);
    });

    it('gives a message again when its receiver has gone, and counts the deliveries', async () => {
      const queue = await open(1);
      await queue.send('a');
      const [first] = await queue.receive({ most: 1, waitSeconds: 1 });
      assert.equal(first?.deliveries, 1);
      assert.deepEqual(await receive(queue), []);
      const [second] = await queue.receive({ most: 1, waitSeconds: 5 });
      assert.deepEqual([second?.body, second?.deliveries], ['a', 2]);
    });

    it('hides a message as long as its receiver says so', async () => {
      const queue = await open(1);
      await queue.send('a');
      const [taken] = await queue.receive({ most: 1, waitSeconds: 1 });
      assert.ok(taken);
      for (let beats = 0; beats < 3; beats++) {
        await queue.hide(taken.receipt, 1);
        await sleep(600);
        assert.deepEqual(await receive(queue), []);
      }
      await queue.hide(taken.receipt, 0);
      assert.deepEqual(await receive(queue, 1, 1), ['a']);
    });

    it('delays a message', async () => {
      const queue = await open(30);
      await queue.send('late', 1);
      assert.deepEqual(await receive(queue), []);
      assert.deepEqual(await receive(queue, 1, 5), ['late']);
    });

    it('wakes a receiver that waits, and lets one go that is told to', async () => {
      const queue = await open(30);
      const waiting = receive(queue, 1, 20);
      await sleep(50);
      await queue.send('a');
      assert.deepEqual(await waiting, ['a']);
      const leaving = new AbortController();
      const idle = queue.receive({ most: 1, waitSeconds: 20, signal: leaving.signal });
      leaving.abort();
      assert.deepEqual(await idle, []);
    });

    it('is not moved by a receipt that was never given', async () => {
      const queue = await open(30);
      await queue.send('a');
      await queue.hide('unknown', 30);
      await queue.remove('unknown');
      assert.deepEqual(await receive(queue, 1, 1), ['a']);
    });
  });
}
