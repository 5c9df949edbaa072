/** What every queue does: see `shared/queue/queue.ts`. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type DeadLetters, depthOf, type Queue } from '../../shared/queue/queue.ts';

export interface QueueAccess {
  readonly name: string;
  readonly skip?: string | undefined;
  /** An empty queue, with that of its dead letters. */
  readonly open: (visibilitySeconds: number) => Promise<OpenedQueue>;
}

export interface OpenedQueue {
  readonly queue: Queue;
  readonly dead: DeadLetters;
}

export function queueContract({ name, skip, open }: QueueAccess): void {
  const receive = async (queue: Queue, most = 10, waitSeconds = 0) =>
    (await queue.receive({ most, waitSeconds })).map(({ body }) => body).sort();

  describe(`the ${name} queue`, { skip: skip ?? false }, () => {
    it('gives what was sent, to one receiver at a time, and never again once it is removed', async () => {
      const { queue } = await open(30);
      await queue.send('a');
      await queue.send('b');
      const received = await queue.receive({ most: 10, waitSeconds: 1 });
      assert.deepEqual(received.map(({ body }) => body).sort(), ['a', 'b']);
      assert.deepEqual(await receive(queue), []);
      for (const { receipt } of received) await queue.remove(receipt);
      assert.deepEqual(await receive(queue), []);
    });

    it('gives no more at once than it is asked for', async () => {
      const { queue } = await open(30);
      for (const body of ['a', 'b', 'c']) await queue.send(body);
      assert.equal((await receive(queue, 2, 1)).length, 2);
      assert.equal((await receive(queue, 2, 1)).length, 1);
    });

    it('gives a message again when its receiver has gone, and counts the deliveries', async () => {
      const { queue } = await open(1);
      await queue.send('a');
      const [first] = await queue.receive({ most: 1, waitSeconds: 1 });
      assert.equal(first?.deliveries, 1);
      assert.deepEqual(await receive(queue), []);
      const [second] = await queue.receive({ most: 1, waitSeconds: 5 });
      assert.deepEqual([second?.body, second?.deliveries], ['a', 2]);
    });

    it('hides a message as long as its receiver says so', async () => {
      const { queue } = await open(1);
      await queue.send('a');
      const [taken] = await queue.receive({ most: 1, waitSeconds: 1 });
      assert.ok(taken);
      for (let beats = 0; beats < 3; beats++) {
        await queue.hide(taken.receipt, 3);
        await sleep(1200);
        assert.deepEqual(await receive(queue), []);
      }
      await queue.hide(taken.receipt, 0);
      assert.deepEqual(await receive(queue, 1, 1), ['a']);
    });

    it('delays a message', async () => {
      const { queue } = await open(30);
      await queue.send('late', 1);
      assert.deepEqual(await receive(queue), []);
      assert.deepEqual(await receive(queue, 1, 5), ['late']);
    });

    it('wakes a receiver that waits, and lets one go that is told to', async () => {
      const { queue } = await open(30);
      const waiting = receive(queue, 1, 20);
      await sleep(50);
      await queue.send('a');
      assert.deepEqual(await waiting, ['a']);
      const leaving = new AbortController();
      const idle = queue.receive({ most: 1, waitSeconds: 20, signal: leaving.signal });
      leaving.abort();
      assert.deepEqual(await idle, []);
    });

    it('gives a deferred message later, as one that was never delivered', async () => {
      const { queue } = await open(30);
      await queue.send('a');
      for (let times = 0; times < 3; times++) {
        const [taken] = await queue.receive({ most: 1, waitSeconds: 5 });
        assert.ok(taken);
        assert.deepEqual([taken.body, taken.deliveries], ['a', 1]);
        await queue.defer(taken, 0.5);
        assert.deepEqual(await receive(queue), []);
      }
      assert.deepEqual(await receive(queue, 10, 5), ['a']);
      assert.deepEqual(await receive(queue), []);
    });

    it('counts the deliveries that were given back without a word', async () => {
      const { queue } = await open(30);
      await queue.send('a');
      for (let times = 1; times <= 3; times++) {
        const [taken] = await queue.receive({ most: 1, waitSeconds: 5 });
        assert.equal(taken?.deliveries, times);
        await queue.hide(taken.receipt, 0);
      }
    });

    it('buries a message with the reason', async () => {
      const { queue, dead } = await open(30);
      await queue.send('a');
      const [taken] = await queue.receive({ most: 1, waitSeconds: 1 });
      assert.ok(taken);
      await queue.bury(taken, 'nobody can read \u0000it');
      assert.equal(depthOf(await queue.depth()), 0);
      const [letter, ...more] = await dead.receive({ most: 10, waitSeconds: 1 });
      assert.ok(letter);
      assert.equal(more.length, 0);
      assert.equal(letter.body, 'a');
      assert.match(letter.reason ?? '', /^nobody can read .it$/);
      await dead.bury(letter, 'another reason');
      const [again] = await dead.receive({ most: 10, waitSeconds: 1 });
      assert.deepEqual([again?.body, again?.reason], ['a', 'another reason']);
      await dead.remove(again?.receipt ?? '');
      assert.equal(depthOf(await dead.depth()), 0);
    });

    it('tells how many messages there are', async () => {
      const { queue } = await open(30);
      for (const body of ['a', 'b', 'c']) await queue.send(body);
      await queue.send('later', 60);
      await receive(queue, 1, 1);
      assert.deepEqual(await queue.depth(), { waiting: 2, delayed: 1, taken: 1 });
      assert.equal(depthOf(await queue.depth()), 4);
    });

    it('is not moved by a receipt that was never given', async () => {
      const { queue } = await open(30);
      await queue.send('a');
      await queue.hide('unknown', 30);
      await queue.remove('unknown');
      assert.deepEqual(await receive(queue, 1, 1), ['a']);
    });
  });
}
