/** Admission: slots, a bounded queue, refusal at once, and waiters who leave. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FailureError } from '../../shared/api/problem.ts';
import { createGate } from '../../worker/service/gate.ts';

const never = new AbortController().signal;

test('so many run, so many wait in order, the next is refused with a time to come back', async () => {
  const gate = createGate(1, 2);
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
  const gate = createGate(1, 1);
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
