import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCoalescer, type WorkContext } from '../../edge/dispatch/coalesce.ts';

/** Work that ends when it is told to, and stops when it is aborted. */
function controlled() {
  const contexts: WorkContext<number>[] = [];
  let finish = (_: string): void => {};
  let fail = (_: Error): void => {};
  const work = (context: WorkContext<number>): Promise<string> => {
    contexts.push(context);
    return new Promise((resolve, reject) => {
      finish = resolve;
      fail = reject;
      context.signal.addEventListener('abort', () => reject(context.signal.reason));
    });
  };
  return { contexts, work, finish: (text: string) => finish(text), fail: (e: Error) => fail(e) };
}
const staying = () => new AbortController().signal;
const settle = () => new Promise((resolve) => setImmediate(resolve));

test('everyone gets the outcome, and the events since he came', async () => {
  const { join } = createCoalescer<string, number>();
  const { contexts, work, finish } = controlled();
  const first = join('a', work, staying());
  contexts[0]?.emit(1);
  const second = join('a', work, staying());
  assert.deepEqual([first.joined, second.joined, contexts.length], [false, true, 1]);
  contexts[0]?.emit(2);
  const seen = [first, second].map(async ({ events }) => {
    const numbers: number[] = [];
    for await (const number of events()) numbers.push(number);
    return numbers;
  });
  await settle();
  contexts[0]?.emit(3);
  finish('done');
  assert.deepEqual(await Promise.all(seen), [
    [1, 2, 3],
    [2, 3],
  ]);
  assert.deepEqual(await Promise.all([first.outcome, second.outcome]), ['done', 'done']);
  assert.equal(contexts[0]?.signal.aborted, false, 'work that has ended is not aborted');
  assert.equal(join('a', work, staying()).joined, false, 'the next one begins anew');
});

test('who began the work answers for it, and when he leaves the next of those who wait', async () => {
  const { join } = createCoalescer<string, number>();
  const { work, finish } = controlled();
  const leaving = new AbortController();
  const first = join('a', work, leaving.signal);
  const [second, third] = [join('a', work, staying()), join('a', work, staying())];
  assert.deepEqual(
    [first, second, third].map(({ follows }) => follows()),
    [false, true, true],
  );
  leaving.abort();
  await assert.rejects(first.outcome);
  finish('done');
  await Promise.all([second.outcome, third.outcome]);
  await settle();
  assert.deepEqual(
    [first, second, third].map(({ follows }) => follows()),
    [true, false, true],
  );
});

test('an error goes to everyone', async () => {
  const { join } = createCoalescer<string, number>();
  const { work, fail } = controlled();
  const shares = [join('a', work, staying()), join('a', work, staying())];
  fail(new Error('broken'));
  for (const { outcome } of shares) await assert.rejects(outcome, /broken/);
});

test('who leaves is told his own reason at once; the last one stops the work', async () => {
  const { join } = createCoalescer<string, number>();
  const { contexts, work } = controlled();
  const callers = [new AbortController(), new AbortController()];
  const [one, two] = callers.map(({ signal }) => join('a', work, signal));
  callers[0]?.abort(new Error('too late for me'));
  await assert.rejects(one?.outcome ?? assert.fail(), /too late for me/);
  await settle();
  assert.equal(contexts[0]?.signal.aborted, false);
  const reading = (async () => {
    for await (const _ of two?.events() ?? assert.fail()) assert.fail('there are no events');
  })();
  callers[1]?.abort(new Error('me too'));
  await assert.rejects(two?.outcome ?? assert.fail(), /me too/);
  await reading;
  await two?.ended;
  assert.equal(contexts[0]?.signal.aborted, true);
});

test('who comes after the last one has left does not join what is being stopped', async () => {
  const { join } = createCoalescer<string, number>();
  const { contexts, work, finish } = controlled();
  const caller = new AbortController();
  const left = join('a', work, caller.signal);
  caller.abort(new Error('gone'));
  const next = join('a', work, staying());
  assert.equal(next.joined, false);
  await assert.rejects(left.outcome, /gone/);
  await left.ended;
  assert.equal(join('a', work, staying()).joined, true, 'the end of the old leaves the new alone');
  finish('done');
  assert.equal(await next.outcome, 'done');
  assert.deepEqual(
    contexts.map(({ signal }) => signal.aborted),
    [true, false],
  );
});

test('who has gone before he asks waits for nothing', async () => {
  const { join } = createCoalescer<string, number>();
  const { contexts, work } = controlled();
  const share = join('a', work, AbortSignal.abort(new Error('gone before')));
  await assert.rejects(share.outcome, /gone before/);
  await share.ended;
  assert.equal(contexts[0]?.signal.aborted, true);
});
