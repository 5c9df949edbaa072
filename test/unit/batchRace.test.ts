/** Two things at once around a batch: messages that come twice, equal lines of other batches, and its time that is over. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createBatchStore } from '../../shared/batches/batchStore.ts';
import { createMemoryStore } from '../../shared/store/memory.ts';
import type { Store } from '../../shared/store/store.ts';
import { createAnswers } from '../../worker/batches/answers.ts';
import type { Ask, AskOptions } from '../../worker/batches/ask.ts';
import { createLimiter } from '../../worker/batches/inOrder.ts';
import { batchRunnerOver, echo, FAST_BATCHES, fileLines, makeBatch } from '../support/batches.ts';

const line = (n: number): string =>
  JSON.stringify({ custom_id: `c${n}`, method: 'POST', url: '/v1/embed', body: { n } });

test('nothing is asked of a batch whose time was over when it came to its turn', async () => {
  const store = createMemoryStore();
  const batch = await makeBatch(store, [line(1), line(2)].join('\n'), 1000, Date.now() - 5000);
  let asked = 0;
  const answers: Ask = async (own, options) => {
    asked++;
    return await echo(own, options);
  };
  await batchRunnerOver(store, { answers }).attend(batch);
  assert.equal(asked, 0);
  assert.equal((await createBatchStore(store).read(batch))?.status, 'expired');
  const errors = await fileLines(store, batch, 'errors');
  assert.deepEqual(
    errors.map(({ error }) => error?.code),
    ['batch_expired', 'batch_expired'],
  );
});

test('a line that waits for an equal one of another batch ends with its own batch', async () => {
  let answer = (): void => {};
  const ask: Ask = (own, options) =>
    new Promise((resolve) => {
      answer = () => resolve(echo(own, options));
    });
  const answers = createAnswers(ask, createLimiter(4));
  const own = { customId: 'c1', url: '/v1/embed' as const, body: new TextEncoder().encode('{}') };
  const options = (signal: AbortSignal): AskOptions => ({
    tenant: 'default',
    requestId: 'r',
    signal,
  });
  const first = answers(own, options(new AbortController().signal));
  await sleep(10);
  const ending = new AbortController();
  const second = answers(own, options(ending.signal));
  await sleep(10);
  ending.abort(new Error('cancelled'));
  const said = await Promise.race([
    second.then(
      () => 'answered',
      (error: Error) => error.message,
    ),
    sleep(2000, 'waits on'),
  ]);
  answer();
  assert.equal(said, 'cancelled');
  assert.equal((await first).status, 200);
});

test('two messages of a batch at once: it is begun once', async () => {
  const memory = createMemoryStore();
  const batch = await makeBatch(memory, [line(1), line(2)].join('\n'));
  let second: Promise<number | undefined> | undefined;
  // The second one comes while the first writes that it begins the batch, and reads it again when it has.
  const store: Store = {
    ...memory,
    async list(prefix, cursor, after) {
      if (second) await sleep(100);
      return await memory.list(prefix, cursor, after);
    },
    async put(key, body, options) {
      if (key.startsWith('batches/') && !second) {
        second = runner.attend(batch);
        await sleep(30);
      }
      return await memory.put(key, body, options);
    },
  };
  const answers: Ask = async (own, options) => {
    await sleep(300);
    options.signal.throwIfAborted();
    return await echo(own, options);
  };
  const times = { ...FAST_BATCHES, leaseMilliseconds: 60_000 };
  const runner = batchRunnerOver(store, { answers, times });
  await runner.attend(batch);
  await second;
  const ended = await createBatchStore(memory).read(batch);
  assert.deepEqual([ended?.status, ended?.attempts], ['completed', 1]);
});
