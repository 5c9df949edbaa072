/** What is told of attempts at webhooks: metrics, and lines of the log without a secret. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Store } from '../../shared/store/store.ts';
import type { EventDocument } from '../../shared/webhooks/event.ts';
import type { WorkerMetrics } from '../../worker/metrics.ts';
import { createAttempts } from '../../worker/webhooks/attempt.ts';
import { announced, type DeliveryWish, servicesOver, setUp } from '../support/delivering.ts';
import { answers, startReceiver, withReceiver } from '../support/receiver.ts';

const never = new AbortController().signal;
const attemptsOf = (store: Store, wish: DeliveryWish) => {
  const attempt = createAttempts(servicesOver(store, wish));
  return (event: EventDocument) => attempt(event, never, never);
};

test('attempts are counted by how they ended, and timed', async () => {
  await withReceiver(async (receiver) => {
    const counted: unknown[] = [];
    const times: unknown[] = [];
    const metrics: WorkerMetrics = {
      count: (name, labels) => void counted.push([name, labels]),
      observe: (name, labels, seconds) => void times.push([name, labels, seconds < 20]),
      read: () => {},
    };
    const nothing = await startReceiver();
    await nothing.close();
    for (const [status, url] of [
      [200, receiver.url],
      [500, receiver.url],
      [410, receiver.url],
      [200, nothing.url],
    ] as const) {
      const { store } = setUp();
      receiver.answer = answers(status);
      await attemptsOf(store, { metrics })(await announced(store, url));
    }
    const outcomes = ['delivered', '5xx', '4xx', 'unreachable'];
    assert.deepEqual(
      counted,
      outcomes.map((outcome) => ['webhookAttempts', { scheme: 'http', outcome }]),
    );
    assert.deepEqual(
      times,
      outcomes.map(() => ['webhookSeconds', { scheme: 'http' }, true]),
    );
  });
});

test('no secret is in what is logged, nor the path of a receiver', async () => {
  await withReceiver(async (receiver) => {
    const { store, secret } = setUp();
    const lines: string[] = [];
    const log = (entry: object): void => void lines.push(JSON.stringify(entry));
    await attemptsOf(store, { log })(await announced(store, `${receiver.url}?token=hush`));
    assert.equal(lines.length, 1);
    assert.ok(!lines.join().includes('hush'));
    assert.ok(!lines.join().includes((await secret()).slice('whsec_'.length, 20)));
    assert.match(lines[0] ?? '', /"event":"webhook".*"answered":200/);
  });
});
