/** Attempts at webhooks: real receivers on this machine, and a clock that is moved by hand. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refused } from '../../shared/guard/refused.ts';
import { present } from '../../shared/lookup.ts';
import type { Store } from '../../shared/store/store.ts';
import { type EventDocument, isSettled, redeliver } from '../../shared/webhooks/event.ts';
import { createEventStore } from '../../shared/webhooks/eventStore.ts';
import { createGuardedFetch } from '../../worker/guard/guardedFetch.ts';
import { createAttempts } from '../../worker/webhooks/attempt.ts';
import { createSend } from '../../worker/webhooks/send.ts';
import {
  announced,
  createClock,
  type DeliveryWish,
  servicesOver,
  setUp,
} from '../support/delivering.ts';
import { answers, verified, withReceiver } from '../support/receiver.ts';

const never = new AbortController().signal;
const attemptsOf = (store: Store, wish: DeliveryWish) => {
  const attempt = createAttempts(servicesOver(store, wish));
  return (event: EventDocument) => attempt(event, never, never);
};

test('an event arrives: signed, as JSON, once, and every attempt is in its log', async () => {
  await withReceiver(async (receiver) => {
    const { store, events, secret } = setUp();
    const attempt = attemptsOf(store, {});
    const event = await announced(store, `${receiver.url}?token=of-the-receiver`);
    assert.equal(await attempt(event), undefined);
    const [request, ...others] = receiver.received;
    assert.ok(request);
    assert.deepEqual(others, []);
    const told = verified(request, await secret());
    assert.deepEqual(told.data, { id: event.subject });
    assert.equal(request.headers['webhook-id'], event.id);
    assert.equal(request.headers['content-type'], 'application/json');
    assert.equal(request.path, '/hook?token=of-the-receiver');
    const done = await events.read(event);
    assert.equal(done?.status, 'delivered');
    assert.deepEqual(
      done?.attempts.map(({ status, error, manual }) => [status, error, manual]),
      [[200, undefined, false]],
    );
    // Given once more by the queue: nothing is sent.
    assert.equal(await attempt(event), undefined);
    assert.equal(receiver.received.length, 1);
  });
});

test('a receiver that fails is told again by the schedule, with the same id and body, and a fresh time', async () => {
  await withReceiver(async (receiver) => {
    const { store, events, secret } = setUp();
    const clock = createClock();
    const attempt = attemptsOf(store, { now: clock.now });
    let event = await announced(store, receiver.url, {}, clock.now());
    receiver.answer = answers(500);
    const waits: number[] = [];
    for (;;) {
      const next = await attempt(event);
      if (!next) break;
      waits.push(next.seconds);
      event = present(await events.read(event), 'the event');
      // The queue gives it too early: it waits on.
      assert.equal((await attempt(event))?.seconds, next.seconds);
      clock.advance(next.seconds * 1000);
    }
    const hours = [2, 5, 10, 14, 20, 24].map((hour) => hour * 3600);
    assert.deepEqual(waits, [5, 300, 1800, ...hours]);
    assert.equal(receiver.received.length, 10);
    assert.equal(new Set(receiver.received.map(({ body }) => body)).size, 1);
    assert.equal(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size, 1);
    const times = receiver.received.map(({ headers }) => Number(headers['webhook-timestamp']));
    assert.equal(new Set(times).size, 10);
    assert.ok(verified(present(receiver.received[0], 'the first'), await secret()));
    const failed = await events.read(event);
    assert.equal(failed?.status, 'failed');
    assert.deepEqual(
      new Set(failed?.attempts.map(({ error }) => error)),
      new Set(['the receiver answered 500']),
    );
  });
});

test('an attempt has 20 seconds, follows no redirect, and reads little', async () => {
  const asked: object[] = [];
  const send = createSend(
    async (_, { times, redirects, mostBytes } = {}) => {
      asked.push({ whole: times?.whole, redirects, mostBytes });
      return refused('connection', 'of a test');
    },
    () => 0,
  );
  const { store, secret } = setUp();
  await send(await announced(store, 'https://hooks.example'), [await secret()], never);
  assert.deepEqual(asked, [{ whole: 20_000, redirects: 0, mostBytes: 1024 }]);
});

test('what each answer means', async () => {
  await withReceiver(async (receiver) => {
    for (const [status, headers, wanted, seconds] of [
      [200, {}, 'delivered', undefined],
      [204, {}, 'delivered', undefined],
      [301, { location: receiver.url }, 'waiting', 5],
      [302, { location: receiver.url }, 'waiting', 5],
      [308, { location: receiver.url }, 'waiting', 5],
      [404, {}, 'waiting', 5],
      [429, { 'retry-after': '120' }, 'waiting', 120],
      [429, {}, 'waiting', 5],
      [503, { 'retry-after': '2' }, 'waiting', 5],
      [500, { 'retry-after': 'soon' }, 'waiting', 5],
      [410, {}, 'failed', undefined],
    ] as const) {
      const { store, events } = setUp();
      const clock = createClock();
      const attempt = attemptsOf(store, { now: clock.now });
      receiver.received.length = 0;
      receiver.answer = answers(status, headers);
      const event = await announced(store, receiver.url, {}, clock.now());
      const next = await attempt(event);
      const found = present(await events.read(event), 'the event');
      assert.equal(found.status, wanted, String(status));
      assert.equal(next?.seconds, seconds, String(status));
      assert.equal(receiver.received.length, 1, `${status}: redirects are not followed`);
      assert.equal(found.attempts[0]?.status, status);
    }
  });
});

test('410: the address is told nothing more, until somebody asks for a redelivery that it accepts', async () => {
  await withReceiver(async (receiver) => {
    const { store, events } = setUp();
    const attempt = attemptsOf(store, {});
    receiver.answer = answers(410);
    const first = await announced(store, receiver.url);
    await attempt(first);
    const gone = present(await events.read(first), 'the event');
    assert.match(gone.detail ?? '', /410.*ask for a redelivery/);
    const second = await announced(store, receiver.url);
    assert.equal(await attempt(second), undefined);
    assert.equal(receiver.received.length, 1, 'nothing was sent');
    const dismissed = present(await events.read(second), 'the event');
    assert.deepEqual([dismissed.status, dismissed.attempts], ['failed', []]);
    assert.match(dismissed.detail ?? '', /410.*ask for a redelivery/);
    // Another tenant's address is his own, and so is another address.
    receiver.answer = answers(200);
    const foreign = await announced(store, receiver.url, { tenant: 'another' });
    const elsewhere = await announced(store, `${receiver.url}/other`);
    await attempt(foreign);
    await attempt(elsewhere);
    assert.equal((await events.read(foreign))?.status, 'delivered');
    assert.equal((await events.read(elsewhere))?.status, 'delivered');
    const again = present(redeliver(gone, Date.now()), 'the redelivery');
    assert.ok(await events.write(again, gone));
    await attempt(again);
    assert.equal((await events.read(first))?.status, 'delivered');
    const third = await announced(store, receiver.url);
    await attempt(third);
    assert.equal((await events.read(third))?.status, 'delivered');
  });
});

test('a receiver that asks for less is left alone, and others are not', async () => {
  await withReceiver(async (busy) => {
    await withReceiver(async (well) => {
      const { store, events } = setUp();
      const clock = createClock();
      const attempt = attemptsOf(store, { now: clock.now });
      busy.answer = answers(429, { 'retry-after': '60' });
      await attempt(await announced(store, busy.url, {}, clock.now()));
      busy.answer = answers(200);
      const waits = await announced(store, busy.url, {}, clock.now());
      const next = await attempt(waits);
      assert.ok(next && next.seconds >= 60 && next.seconds < 62, `${next?.seconds}`);
      assert.equal(busy.received.length, 1);
      const untouched = await events.read(waits);
      assert.deepEqual([untouched?.status, untouched?.tries], ['waiting', 0]);
      const other = await announced(store, well.url, {}, clock.now());
      assert.equal(await attempt(other), undefined);
      clock.advance(62_000);
      assert.equal(await attempt(waits), undefined);
      assert.equal((await events.read(waits))?.status, 'delivered');
    });
  });
});

test('an address that may not be reached is told at once, and nothing is sent', async () => {
  const fetch = createGuardedFetch({
    resolve: async (name) => (name === 'nowhere.example' ? [] : ['10.0.0.7']),
  });
  for (const [url, wanted, error] of [
    ['https://internal.example/hook', 'failed', /public internet/],
    ['http://receiver.example/hook', 'failed', /https/],
    ['https://10.0.0.7/hook', 'failed', /public internet/],
    ['https://nowhere.example/hook', 'waiting', /has no address/],
  ] as const) {
    const { store, events } = setUp();
    const event = await announced(store, url);
    await attemptsOf(store, { fetch })(event);
    const found = present(await events.read(event), 'the event');
    assert.equal(found.status, wanted, url);
    assert.match(found.attempts[0]?.error ?? '', error);
    assert.ok(!(found.attempts[0]?.error ?? '').includes('10.0.0.7'), 'no address is told');
  }
});

test('a message of an event that has another time by now sends nothing', async () => {
  await withReceiver(async (receiver) => {
    const { store, events } = setUp();
    const clock = createClock();
    const attempt = attemptsOf(store, { now: clock.now });
    const event = await announced(store, receiver.url, {}, clock.now());
    clock.advance(1000);
    const again = present(redeliver(event, clock.now()), 'the redelivery');
    assert.ok(await events.write(again, event));
    assert.equal(await attempt(event), undefined);
    assert.equal(receiver.received.length, 0);
    await attempt(again);
    assert.equal(receiver.received.length, 1);
  });
});

test('two workers that were given one event send it once', async () => {
  await withReceiver(async (receiver) => {
    const { store, events } = setUp();
    receiver.answer = (response) => void setTimeout(() => response.end(), 100);
    const both = ['w1', 'w2'].map((worker) => attemptsOf(store, { worker }));
    const all: EventDocument[] = [];
    for (let i = 0; i < 10; i++) all.push(await announced(store, `${receiver.url}/${i}`));
    await Promise.all(both.flatMap((attempt) => all.map((event) => attempt(event))));
    for (const event of all) assert.equal((await events.read(event))?.attempts.length, 1);
    assert.equal(receiver.received.length, 10);
  });
});

test('a worker that ends during an attempt: the next one takes over when its lease is over', async () => {
  await withReceiver(async (receiver) => {
    const { store, events } = setUp();
    const clock = createClock();
    // It never comes back from its attempt.
    const dying = attemptsOf(store, { now: clock.now, fetch: () => new Promise(() => {}) });
    const event = await announced(store, receiver.url, {}, clock.now());
    void dying(event);
    while ((await events.read(event))?.status !== 'delivering') await new Promise(setImmediate);
    const next = attemptsOf(store, { worker: 'w2', now: clock.now });
    assert.equal((await next(event))?.seconds, 60);
    assert.equal(receiver.received.length, 0);
    clock.advance(60_000);
    assert.equal(await next(event), undefined);
    const done = present(await events.read(event), 'the event');
    assert.equal(done.status, 'delivered');
    assert.match(done.attempts[0]?.error ?? '', /did not see its end/);
    assert.equal(receiver.received.length, 1);
  });
});

test('a worker that is told to end gives its attempt back, and it does not count', async () => {
  const { store } = setUp();
  const events = createEventStore(store);
  const stopped = new AbortController();
  const services = servicesOver(store, {
    fetch: (_, { signal } = {}) =>
      new Promise((_resolve, reject) => {
        if (signal?.aborted) reject(signal.reason);
        signal?.addEventListener('abort', () => reject(signal.reason));
      }),
  });
  const event = await announced(store, 'https://receiver.example/hook');
  const attempt = createAttempts(services)(event, never, stopped.signal);
  while ((await events.read(event))?.status !== 'delivering') await new Promise(setImmediate);
  stopped.abort(new Error('the worker ends'));
  await assert.rejects(attempt, /the worker ends/);
  const back = present(await events.read(event), 'the event');
  assert.deepEqual([back.status, back.tries], ['waiting', 0]);
  assert.equal(isSettled(back), false);
});
