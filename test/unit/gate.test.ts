/** Admission: slots, bounded work, refusal at once, turns of those who wait, and waiters who leave. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FailureError } from '../../shared/api/problem.ts';
import { createGate } from '../../worker/service/gate.ts';

const never = new AbortController().signal;

test('so much is taken on, in order; what is beyond is refused with a time to come back', async () => {
  const gate = createGate(1, 3);
  const order: string[] = [];
  const leaveFirst = await gate.enter(never);
  const second = gate.enter(never).then((leave) => {
    order.push('second');
    return leave;
  });
  const third = gate.enter(never).then((leave) => {
    order.push('third');
    return leave;
  });
  await assert.rejects(
    gate.enter(never),
    (error) =>
      error instanceof FailureError &&
      error.failure.code === 'overloaded' &&
      error.failure.retryAfterSeconds! >= 1,
  );
  assert.deepEqual([gate.running(), gate.waiting()], [1, 2]);
  leaveFirst();
  leaveFirst();
  const leaveSecond = await second;
  assert.deepEqual([gate.running(), order], [1, ['second']], 'leaving twice frees one slot');
  leaveSecond();
  (await third)();
  assert.deepEqual([gate.running(), gate.waiting(), order], [0, 0, ['second', 'third']]);
});

test('a waiter whose caller goes makes room', async () => {
  const gate = createGate(1, 2);
  const leave = await gate.enter(never);
  const gone = new AbortController();
  const waiting = gate.enter(gone.signal);
  gone.abort(new Error('gone'));
  await assert.rejects(waiting, /gone/);
  assert.equal(gate.waiting(), 0);
  const next = gate.enter(never);
  leave();
  (await next)();
  assert.equal(gate.running(), 0);
});

const load = (tokens: number, priority: 'interactive' | 'batch' = 'interactive', tenant = '') => ({
  tokens,
  priority,
  tenant,
});

test('work is counted by its tokens, and one request counts for half of all at most', async () => {
  const gate = createGate(4, 100);
  await gate.enter(never, load(1_000_000));
  assert.equal(gate.tokens(), 50);
  const leave = await gate.enter(never, load(30));
  await assert.rejects(gate.enter(never, load(21)), /80 of the 100 tokens .* this request has 21/);
  await gate.enter(never, load(20));
  assert.equal(gate.running(), 3);
  leave();
  assert.equal(gate.tokens(), 70);
});

test('work that nobody waits for finds half of the room, so that direct callers find the rest', async () => {
  const gate = createGate(8, 100);
  const batch = { tokens: 40, priority: 'batch', tenant: '' } as const;
  const leave = await gate.enter(never, batch);
  await assert.rejects(gate.enter(never, batch), /overloaded/);
  const direct = await gate.enter(never, { ...batch, priority: 'interactive' });
  assert.equal(gate.tokens(), 80);
  leave();
  direct();
  (await gate.enter(never, batch))();
});

test('a slot goes to the more urgent, and to tenants in turn', async () => {
  const gate = createGate(1, 1000);
  const order: string[] = [];
  const leaveFirst = await gate.enter(never, load(1));
  const all = (['batch', 'interactive'] as const).flatMap((priority) =>
    ['a', 'a', 'b'].map(async (tenant) => {
      const leave = await gate.enter(never, load(1, priority, tenant));
      order.push(`${priority} ${tenant}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
      leave();
    }),
  );
  leaveFirst();
  await Promise.all(all);
  assert.deepEqual(
    order.slice(0, 2),
    ['batch a', 'interactive a'],
    'the first of all never waited',
  );
  assert.ok(order.indexOf('interactive b') < order.lastIndexOf('interactive a'), order.join());
  assert.ok(order.indexOf('batch b') < order.lastIndexOf('batch a'), order.join());
  assert.equal(order.at(-1)?.startsWith('batch'), true, order.join());
});

test('a tenant who fills the room shuts out no other: of each one a first request is taken, up to a bound', async () => {
  const gate = createGate(1, 100);
  const leave = await gate.enter(never, load(50, 'interactive', 'greedy'));
  void gate.enter(never, load(50, 'interactive', 'greedy'));
  await assert.rejects(gate.enter(never, load(1, 'interactive', 'greedy')), /100 of the 100/);
  await assert.rejects(gate.enter(never, load(1, 'batch', 'other')), /overloaded/);
  const gone = new AbortController();
  const waiting = gate.enter(gone.signal, load(10, 'interactive', 'other'));
  await assert.rejects(gate.enter(never, load(1, 'interactive', 'other')), /overloaded/);
  gone.abort(new Error('gone'));
  await assert.rejects(waiting, /gone/);
  // Who has left comes again as one of whom nothing is there.
  const other = gate.enter(never, load(10, 'interactive', 'other'));
  void gate.enter(never, load(40, 'interactive', 'third'));
  await assert.rejects(gate.enter(never, load(1, 'interactive', 'fourth')), /150 of the 150/);
  leave();
  (await other)();
});

test('work that kept nobody waiting is not held against its tenant, nor against its priority', async (t) => {
  let now = 0;
  t.mock.method(performance, 'now', () => now);
  const gate = createGate(1, 1000);
  const leaveAlone = await gate.enter(never, load(1, 'interactive', 'a'));
  now += 36_000_000;
  leaveAlone();
  const leaveFirst = await gate.enter(never, load(1, 'interactive', 'other'));
  const order: string[] = [];
  const all = (
    ['batch b', 'batch b', 'interactive b', 'interactive b', 'interactive a'] as const
  ).map(async (name) => {
    const [priority, tenant] = name.split(' ') as ['batch' | 'interactive', string];
    const leave = await gate.enter(never, load(1, priority, tenant));
    order.push(name);
    now += 10;
    leave();
  });
  leaveFirst();
  await Promise.all(all);
  assert.ok(order.lastIndexOf('interactive b') < order.lastIndexOf('batch b'), order.join());
  assert.ok(order.indexOf('interactive a') < order.lastIndexOf('interactive b'), order.join());
});
