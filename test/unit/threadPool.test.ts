/** The pool of threads: results, failures, aborts, deaths. */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { FailureError } from '../../shared/api/problem.ts';
import { closeThreads, inThread } from '../../worker/threads/inThread.ts';
import { createThreadPool } from '../../worker/threads/pool.ts';

const program = new URL('../support/poolThread.js', import.meta.url);
const pool = createThreadPool({
  program,
  size: 2,
  queue: 3,
  graceMilliseconds: 50,
  megabytes: 64,
});
after(async () => {
  await pool.close();
  await closeThreads();
});

describe('a task', () => {
  test('gets its arguments and gives its result; buffers are handed over', async () => {
    const values = Float32Array.of(1, 2.5);
    const result = await pool.run('double', { values }, { transfer: [values.buffer] });
    assert.deepEqual(result, Float32Array.of(2, 5));
    assert.equal(values.length, 0, 'the buffer was handed over');
  });

  test('that refuses arrives as the same failure, one that fails as its error', async () => {
    await assert.rejects(pool.run('refuse', {}), (error) => {
      assert.ok(error instanceof FailureError);
      assert.deepEqual(error.failure, { code: 'too_large', detail: 'too much' });
      return true;
    });
    await assert.rejects(pool.run('fail', {}), RangeError);
    await assert.rejects(pool.run('unknown', {}), /know no task unknown/);
    await assert.rejects(pool.run('toString', {}), /know no task toString/);
    await assert.rejects(pool.run('unclonable', {}), /could not be cloned/);
    await assert.rejects(pool.run('double', { values: () => 1 }), /could not be cloned/);
    assert.equal(await pool.run('sleep', { milliseconds: 1 }), 1);
  });
});

test('more tasks than threads wait their turn; more than may wait are refused', async () => {
  const all = Array.from({ length: 5 }, () => pool.run('sleep', { milliseconds: 30 }));
  await assert.rejects(
    pool.run('sleep', { milliseconds: 1 }),
    (error) => error instanceof FailureError && error.failure.code === 'overloaded',
  );
  assert.deepEqual(await Promise.all(all), [30, 30, 30, 30, 30]);
});

describe('an aborted task', () => {
  test('rejects at once with the reason; one that waits is not begun', async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const busy = [1, 2].map(() => pool.run('sleep', { milliseconds: 200 }));
    const waiting = pool.run('exit', {}, { signal });
    controller.abort(new Error('nobody waits'));
    await assert.rejects(waiting, /nobody waits/);
    await assert.rejects(pool.run('exit', {}, { signal }), /nobody waits/);
    assert.deepEqual(await Promise.all(busy), [200, 200], 'no thread did the task that ends it');
  });

  test('that never ends loses its thread, and another takes its place', async () => {
    const controller = new AbortController();
    const stuck = [1, 2].map(() => pool.run('spin', {}, { signal: controller.signal }));
    const next = pool.run('double', { values: Float32Array.of(4) });
    controller.abort(new Error('nobody waits'));
    for (const task of stuck) await assert.rejects(task, /nobody waits/);
    assert.deepEqual(await next, Float32Array.of(8));
  });
});

test('a thread that dies fails its own task alone and is replaced', async () => {
  const other = pool.run('sleep', { milliseconds: 300 });
  await assert.rejects(pool.run('exit', {}), /the thread of task exit ended/);
  await assert.rejects(pool.run('exhaust', {}), /the thread of task exhaust ended/);
  assert.equal(await other, 300);
  assert.deepEqual(
    await Promise.all([1, 2, 3].map((value) => pool.run('sleep', { milliseconds: value }))),
    [1, 2, 3],
  );
});

test("the worker's own threads read a large request and refuse a wrong one", async () => {
  const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  const request = { tokens: { depth: { tokens: [1, 2, 3] } } };
  const body = encode({ request_id: 'r', model: 'demo', request });
  const read = await inThread('parseJob', { kind: 'detokenize', body });
  assert.deepEqual(read.model, 'demo');
  await assert.rejects(
    inThread('parseJob', { kind: 'detokenize', body: encode({ model: 'demo' }) }),
    (error) => error instanceof FailureError && error.failure.code === 'invalid_request',
  );
});
