/** Answers of lines: what is equal is asked for once. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createMemoryStore } from '../../shared/store/memory.ts';
import { createAnswers } from '../../worker/batches/answers.ts';
import type { Ask } from '../../worker/batches/ask.ts';
import { createLimiter } from '../../worker/batches/inOrder.ts';
import { batchRunnerOver, echo, fileLines, makeBatch } from '../support/batches.ts';

test('identical lines are asked for once, near each other and far apart', async () => {
  const store = createMemoryStore();
  const asked: string[] = [];
  const ask: Ask = async (own, options) => {
    asked.push(Buffer.from(own.body).toString());
    await sleep(2);
    return await echo(own, options);
  };
  const equal = (n: number, url: string) =>
    JSON.stringify({ custom_id: `c${n}`, method: 'POST', url, body: { n: n % 2 } });
  const input = Array.from({ length: 100 }, (_, i) => equal(i, '/v1/tokenize')).join('\n');
  const batch = await makeBatch(store, input);
  const answers = createAnswers(ask, createLimiter(4));
  await batchRunnerOver(store, { answers, window: 6 }).attend(batch);
  assert.deepEqual(asked.sort(), ['{"n":0}', '{"n":1}']);
  const output = await fileLines(store, batch, 'output');
  assert.equal(output.length, 100);
  assert.deepEqual(output[99]?.response?.body, { echo: { n: 1 } });
});
