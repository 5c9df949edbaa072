/** The deliverer of webhooks: its queue, its sweep, and receivers that hold up nobody else's. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { present } from '../../shared/lookup.ts';
import type { Store } from '../../shared/store/store.ts';
import { redeliver } from '../../shared/webhooks/event.ts';
import { createEventStore, type DueEvent } from '../../shared/webhooks/eventStore.ts';
import type { Deliverer } from '../../worker/webhooks/deliverer.ts';
import { createDeliverer } from '../../worker/webhooks/deliverer.ts';
import { createHosts } from '../../worker/webhooks/hosts.ts';
import { sweepEvents } from '../../worker/webhooks/sweep.ts';
import { announced, createClock, servicesOver, setUp } from '../support/delivering.ts';
import { answers, type Receiver, startReceiver } from '../support/receiver.ts';

const MARK = new Uint8Array([123, 125]);
const stopped = new AbortController().signal;
const OPTIONS = { slots: 64, stopped };

async function running(
  { deliverers, receivers }: { deliverers: Deliverer[]; receivers: Receiver[] },
  work: () => Promise<void>,
): Promise<void> {
  for (const deliverer of deliverers) deliverer.start();
  try {
    await work();
  } finally {
    for (const receiver of receivers) await receiver.close();
    for (const deliverer of deliverers) await deliverer.stop();
  }
}

test('what is taken is delivered, and what is in no queue is found by the sweep', async () => {
  const receiver = await startReceiver();
  const { store, until } = setUp();
  const lost = await announced(store, receiver.url);
  const deliverer = createDeliverer(servicesOver(store), OPTIONS);
  await running({ deliverers: [deliverer], receivers: [receiver] }, async () => {
    await until(lost, ({ status }) => status === 'delivered');
    const event = await announced(store, receiver.url);
    await deliverer.take([event]);
    await until(event, ({ status }) => status === 'delivered');
    const named = await announced(store, receiver.url);
    await deliverer.takeOf('default', named.subject);
    await until(named, ({ status }) => status === 'delivered');
    assert.equal(receiver.received.length, 3);
    const left = await store.list('webhook-due/');
    assert.deepEqual(left.keys, [], 'nothing is left of what they were found by');
  });
});

test('a sweep in the midst of work finds what another worker lost, and removes what belongs to nothing', async () => {
  const receiver = await startReceiver();
  const { store, until } = setUp();
  const times = { sweepMilliseconds: 50, graceMilliseconds: 0 };
  const deliverer = createDeliverer(servicesOver(store, { times }), OPTIONS);
  const orphan = createEventStore(store);
  await running({ deliverers: [deliverer], receivers: [receiver] }, async () => {
    await sleep(120);
    await store.put('webhook-due/000000000001000/default/job_x/msg_x.json', new Uint8Array([1]));
    const event = await announced(store, receiver.url);
    await until(event, ({ status }) => status === 'delivered');
    for (let tries = 0; tries < 3000; tries++) {
      const left = await orphan.due(Date.now()).next();
      if (left.done) return;
      await sleep(20);
    }
    assert.fail('the orphan is still there');
  });
});

test('what was noted of a time that an event no longer has is removed, and its own time stays', async () => {
  const { store, events } = setUp();
  const event = await announced(store, 'https://receiver.example/', {}, 5000);
  const { tenant, subject, id } = event;
  const old = { name: { tenant, subject, id }, due: 4000 };
  await store.put(`webhook-due/${'4000'.padStart(15, '0')}/${tenant}/${subject}/${id}.json`, MARK);
  const found: number[] = [];
  // Ten minutes after the one that it no longer has.
  const services = { events, now: () => 604_001 };
  const signal = new AbortController().signal;
  await sweepEvents(
    services,
    () => true,
    async ({ due }) => void found.push(due),
    signal,
  );
  assert.deepEqual(found, [5000]);
  const left: DueEvent[] = [];
  for await (const due of events.due(9000)) left.push(due);
  assert.deepEqual(left, [{ ...old, due: 5000 }]);
});

test('a sweep between what a redelivery is found by and its document leaves it to be found', async () => {
  const { store, events } = setUp();
  const event = await announced(store, 'https://receiver.example/', {}, 5000);
  const failed = { ...event, revision: 2, status: 'failed' as const };
  assert.ok(await events.write(failed, event));

  const found: number[] = [];
  const sweep = async (now: number): Promise<void> =>
    await sweepEvents(
      { events, now: () => now },
      () => true,
      async ({ due }) => void found.push(due),
      new AbortController().signal,
    );
  const swept: Store = {
    ...store,
    async put(key, body, options) {
      const done = await store.put(key, body, options);
      if (key.startsWith('webhook-due/')) await sweep(6001);
      return done;
    },
  };
  const again = present(redeliver(failed, 6000), 'redelivery');
  assert.ok(await createEventStore(swept).write(again, failed));
  assert.deepEqual(found, [], 'nothing was due yet');
  // Its message is lost.
  await sweep(7000);
  assert.deepEqual(found, [6000]);
});

test('an event that waits for its turn for an hour is put into a shared queue a few times, not at every look', async () => {
  const { store } = setUp();
  const clock = createClock();
  await announced(store, 'https://receiver.example/', {}, clock.now());
  const services = servicesOver(store, { now: clock.now, times: { sweepMilliseconds: 1 } });
  let [sent, looks] = [0, 0];
  let end = (): void => {};
  const hour = new Promise<void>((resolve) => {
    end = resolve;
  });
  const queue = {
    ...services.queue,
    isShared: true,
    // Whoever has been given it waits for its host.
    receive: async () => {
      await sleep(20);
      return [];
    },
    send: async () => void sent++,
  };
  const take = async (): Promise<number> => {
    if (looks > 0) clock.advance(60_000);
    if (++looks > 60) end();
    return 60_000;
  };
  const deliverer = createDeliverer({ ...services, queue, turn: { take } }, OPTIONS);
  deliverer.start();
  await hour;
  await deliverer.stop();
  assert.ok(sent >= 5 && sent <= 9, `sent ${sent} times`);
});

test('a receiver that answers nothing holds up no other', async () => {
  const dead = await startReceiver();
  const well = await startReceiver();
  dead.answer = () => {};
  const { store, until } = setUp();
  const deliverer = createDeliverer(servicesOver(store), OPTIONS);
  await running({ deliverers: [deliverer], receivers: [dead, well] }, async () => {
    const stuck = [];
    for (let i = 0; i < 200; i++) stuck.push(await announced(store, dead.url));
    await deliverer.take(stuck);
    const event = await announced(store, well.url);
    await deliverer.take([event]);
    await until(event, ({ status }) => status === 'delivered');
    assert.ok(dead.received.length <= 4, `${dead.received.length} at the same time`);
  });
});

test('two workers with a sweep each: every event arrives once', async () => {
  const receiver = await startReceiver();
  const { store, until } = setUp();
  const times = { sweepMilliseconds: 30, graceMilliseconds: 0 };
  const deliverers = ['w1', 'w2'].map((worker) =>
    createDeliverer(servicesOver(store, { worker, times }), OPTIONS),
  );
  await running({ deliverers, receivers: [receiver] }, async () => {
    const all = [];
    for (let i = 0; i < 40; i++) all.push(await announced(store, `${receiver.url}/${i}`));
    for (const deliverer of deliverers) await deliverer.take(all);
    for (const event of all) await until(event, ({ status }) => status === 'delivered');
    const ids = receiver.received.map(({ headers }) => headers['webhook-id']);
    assert.deepEqual(ids.toSorted(), all.map(({ id }) => id).toSorted());
  });
});

test('a redelivery is made at once, though the event waits in the queue for a later time', async () => {
  const receiver = await startReceiver();
  const { store, events, until } = setUp();
  const deliverer = createDeliverer(servicesOver(store), OPTIONS);
  receiver.answer = answers(503);
  await running({ deliverers: [deliverer], receivers: [receiver] }, async () => {
    const event = await announced(store, receiver.url);
    await deliverer.take([event]);
    const waits = await until(
      event,
      ({ attempts, status }) => status === 'waiting' && attempts.length === 1,
    );
    receiver.answer = answers(200);
    const again = present(redeliver(waits, Date.now()), 'the redelivery');
    assert.ok(await events.write(again, waits));
    await deliverer.takeOf('default', event.subject);
    const done = await until(event, ({ status }) => status === 'delivered');
    assert.deepEqual(
      done.attempts.map(({ manual, status }) => [manual, status]),
      [
        [false, 503],
        [true, 200],
      ],
    );
    assert.ok((done.attempts[1]?.at ?? 0) - (done.attempts[0]?.at ?? 0) < 4000);
  });
});

test('turns at a host: few at once, a short line, and a time to come back for the rest', async () => {
  const clock = createClock(0);
  const hosts = createHosts({ atOnce: 2, inLine: 1 }, clock.now);
  const first = await hosts.enter('a');
  const second = await hosts.enter('a');
  assert.deepEqual([first.is, second.is], ['now', 'now']);
  let third: string | undefined;
  const waiting = hosts.enter('a').then((turn) => {
    third = turn.is;
    return turn;
  });
  const back = [];
  for (let i = 0; i < 100; i++) {
    const turn = await hosts.enter('a');
    assert.equal(turn.is, 'later');
    if (turn.is === 'later') back.push(turn.seconds);
  }
  assert.deepEqual(
    back,
    back.toSorted((a, b) => a - b),
    'one behind the other',
  );
  assert.ok((back.at(-1) ?? 0) > (back[0] ?? 0));
  assert.equal((await hosts.enter('b')).is, 'now', 'another host');
  assert.equal(third, undefined);
  if (first.is === 'now') first.leave(10);
  assert.equal((await waiting).is, 'now');
  hosts.pause('a', 30);
  const paused = await hosts.enter('a');
  assert.ok(paused.is === 'later' && paused.seconds >= 30);
  clock.advance(40_000);
  if (second.is === 'now') second.leave(10);
  assert.equal((await hosts.enter('a')).is, 'now');
});
