/** Webhooks over SQS: what an edge ends without any worker, and what several workers take from one queue. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { parseConfig } from '../../edge/config.ts';
import { createJobs } from '../../edge/jobs/jobs.ts';
import { createWebhooks } from '../../edge/webhooks/webhooks.ts';
import { JOB_ENDS } from '../../shared/api/webhookEvents.ts';
import { present } from '../../shared/lookup.ts';
import type { Store } from '../../shared/store/store.ts';
import { createDeliverer } from '../../worker/webhooks/deliverer.ts';
import { announced, servicesOver, setUp } from '../support/delivering.ts';
import { describedJob } from '../support/describedJob.ts';
import { answers, startReceiver } from '../support/receiver.ts';
import { openSqsQueues, type SqsServer, startSqs } from '../support/sqs.ts';
import { until } from '../support/waiting.ts';

let sqs: SqsServer;
before(async () => {
  sqs = await startSqs();
});
after(async () => {
  await sqs.stop();
});

/** No sweep finds anything: what arrives came through the queue. */
const times = { sweepMilliseconds: 3_600_000, graceMilliseconds: 3_600_000 };
const OPTIONS = { slots: 16, stopped: new AbortController().signal };
const asShared = (store: Store): Store => ({ ...store, kind: 's3' });

test('an edge without workers cancels and asks for redeliveries: SQS has both', async () => {
  const { store, until: event } = setUp();
  const { open, environment } = openSqsQueues(sqs, 'webhook-edge');
  const config = parseConfig({ FOURM_STORE: 'disk', FOURM_WORKERS: '', ...environment });
  const jobs = createJobs(asShared(store), config, () => {});
  const webhooks = createWebhooks(asShared(store), config, () => {});
  const receiver = await startReceiver();
  receiver.answer = answers(410);
  const webhook = { url: receiver.url, events: [...JOB_ENDS] };
  const job = await jobs.submit(describedJob({ webhook }), new Uint8Array([1]), undefined);
  assert.equal((await jobs.cancel(job))?.status, 'canceled');
  // A job that was done when it came has an end, too.
  await jobs.submit(describedJob({ webhook }), undefined, undefined);
  const { webhooks: queue } = open();
  await until(async () => (await queue.depth()).waiting === 2, 'both are in the queue');
  const services = {
    ...servicesOver(store, { times }),
    queue,
    turn: { take: async () => undefined },
  };
  const deliverer = createDeliverer(services, OPTIONS);
  deliverer.start();
  try {
    const [delivery] = await webhooks.deliveries(job);
    const name = { tenant: 'default', subject: job.id, id: present(delivery, 'the delivery').id };
    await event(name, ({ status }) => status === 'failed');
    receiver.answer = answers(200);
    await webhooks.redeliver(job, name.id);
    await event(name, ({ status }) => status === 'delivered');
  } finally {
    await receiver.close();
    await deliverer.stop();
  }
});

test('two workers at one queue: every event arrives once, and failures wait in it', async () => {
  const { store, until: event } = setUp();
  const { open } = openSqsQueues(sqs, 'webhook-workers');
  const receiver = await startReceiver();
  let refusals = 1;
  receiver.answer = (response) => answers(refusals-- > 0 ? 500 : 204)(response);
  const queue = open().webhooks;
  const deliverers = ['w1', 'w2'].map((worker) => {
    const turn = { take: async () => undefined };
    const services = { ...servicesOver(store, { worker, times }), queue: open().webhooks, turn };
    return createDeliverer(services, OPTIONS);
  });
  for (const deliverer of deliverers) deliverer.start();
  try {
    const all = [];
    for (let i = 0; i < 20; i++) all.push(await announced(store, `${receiver.url}/${i}`));
    await deliverers[0]?.take(all);
    // Sent twice, as SQS may do it.
    await deliverers[1]?.take(all);
    for (const one of all) await event(one, ({ status }) => status === 'delivered');
    assert.equal(receiver.received.length, 21, 'once each, and once more for the failure');
    await until(async () => {
      const { waiting, delayed, taken } = await queue.depth();
      return waiting + delayed + taken === 0;
    }, 'nothing is left in the queue');
  } finally {
    await receiver.close();
    await Promise.all(deliverers.map((deliverer) => deliverer.stop()));
  }
});
