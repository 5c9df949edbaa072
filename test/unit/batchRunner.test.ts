/** Batches at work: order, errors, kills at any point, cancels, expiry, two workers at one. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BatchStatus } from '../../shared/api/batches.ts';
import { type BatchName, MOST_STALLS, requestCancel } from '../../shared/batches/batch.ts';
import { createBatchStore } from '../../shared/batches/batchStore.ts';
import { createMemoryStore } from '../../shared/store/memory.ts';
import type { Store } from '../../shared/store/store.ts';
import type { Ask } from '../../worker/batches/ask.ts';
import { batchRunnerOver, echo, fileLines, makeBatch } from '../support/batches.ts';
import { fc } from '../support/properties.ts';

const line = (n: number, body: object = { n }): string =>
  JSON.stringify({ custom_id: `c${n}`, method: 'POST', url: '/v1/embed', body });
const lines = (count: number): string =>
  Array.from({ length: count }, (_, i) => line(i + 1)).join('\n');

const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const statusOf = async (store: Store, name: BatchName): Promise<BatchStatus | undefined> =>
  (await createBatchStore(store).read(name))?.status;

async function until(what: string, holds: () => Promise<boolean> | boolean): Promise<void> {
  for (let tries = 0; tries < 1000; tries++) {
    if (await holds()) return;
    await sleep(5);
  }
  assert.fail(what);
}

const ids = (found: readonly { custom_id: string | null }[]) => found.map((one) => one.custom_id);

test('answers come in the order of the lines, errors in a file of their own, and nothing else is left', async () => {
  const objects = new Map();
  const store = createMemoryStore(undefined, objects);
  const answers: Ask = async (asked, options) => {
    const { n } = JSON.parse(Buffer.from(asked.body).toString());
    await sleep(Math.random() * 3);
    if (n % 7 === 0)
      return { status: 400, requestId: 'r7', body: encode({ code: 'invalid_request' }) };
    return await echo(asked, options);
  };
  const input = [
    ...lines(500).split('\n').slice(0, 250),
    '{"broken',
    ...lines(500).split('\n').slice(250),
  ];
  const batch = await makeBatch(store, `\n${input.join('\n')}`);
  assert.ok(batch.pieces.length > 2);
  assert.equal(batch.lines, 501);
  assert.equal(await batchRunnerOver(store, { answers }).attend(batch), undefined);
  const ended = await createBatchStore(store).read(batch);
  assert.equal(ended?.status, 'completed');
  assert.deepEqual(ended?.counts, { completed: 429, failed: 72 });
  const output = await fileLines(store, batch, 'output');
  const errors = await fileLines(store, batch, 'errors');
  const wanted = Array.from({ length: 500 }, (_, i) => i + 1);
  assert.deepEqual(
    ids(output),
    wanted.filter((n) => n % 7 !== 0).map((n) => `c${n}`),
  );
  assert.deepEqual(output[0]?.response, {
    status_code: 200,
    request_id: `${batch.id}-2`,
    body: { echo: { n: 1 } },
  });
  const sevenths = wanted.filter((n) => n % 7 === 0).map((n) => `c${n}`);
  assert.deepEqual(ids(errors), [...sevenths.slice(0, 35), null, ...sevenths.slice(35)]);
  assert.deepEqual(
    [errors[0]?.response?.status_code, errors[0]?.error, errors[35]?.error?.line],
    [400, null, 252],
  );
  const left = [...objects.keys()].map((key: string) => key.split('/')[0]);
  assert.deepEqual([...new Set(left)].sort(), ['batch-parts', 'batch-records', 'batches']);
});

/** Lets go of what killed processes still wait for, which would keep this one alive. */
const buried = new AbortController();
after(() => buried.abort());

/** A store that its process has lost: nothing that is asked of it from then on is done, or answered. */
function mortal(store: Store): { store: Store; kill: () => void } {
  let isDead = false;
  const never = new Promise<never>((_, reject) => {
    buried.signal.addEventListener('abort', () => reject(new Error('the process was killed')));
  });
  never.catch(() => undefined);
  const alive = <A extends unknown[], R>(work: (...args: A) => Promise<R>) => {
    return (...args: A): Promise<R> => (isDead ? never : work(...args));
  };
  return {
    store: {
      ...store,
      put: alive(store.put),
      delete: alive(store.delete),
      get: alive(store.get),
      look: alive(store.look),
      list: alive(store.list),
    },
    kill: () => {
      isDead = true;
    },
  };
}

test('killed at any point, again and again: each line is answered once, in order', async () => {
  const kills = fc.array(fc.integer({ min: 0, max: 60 }), { minLength: 1, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(kills, fc.integer({ min: 1, max: 16 }), async (given, window) => {
      const store = createMemoryStore();
      const batch = await makeBatch(store, lines(450));
      for (const [index, milliseconds] of given.entries()) {
        const { store: own, kill } = mortal(store);
        const slow: Ask = async (asked, options) => {
          await sleep(1);
          return await echo(asked, options);
        };
        const runner = batchRunnerOver(own, { answers: slow, worker: `w${index}`, window });
        const attended = runner.attend(batch);
        attended.catch(() => undefined);
        await Promise.race([attended, sleep(milliseconds)]);
        kill();
      }
      const last = batchRunnerOver(store, { answers: echo, worker: 'last', window });
      await until('the end', async () => {
        await last.attend(batch);
        return (await statusOf(store, batch)) === 'completed';
      });
      assert.deepEqual(
        ids(await fileLines(store, batch, 'output')),
        Array.from({ length: 450 }, (_, i) => `c${i + 1}`),
      );
      assert.deepEqual(await fileLines(store, batch, 'errors'), []);
    }),
    { numRuns: 12 },
  );
});

/** Answers the first so many lines, and the others never. */
const stuckBehind = (most: number): Ask => {
  let answered = 0;
  return async (asked, options) => {
    if (++answered <= most) return await echo(asked, options);
    return await new Promise((_, reject) => {
      const leave = (): void => reject(options.signal.reason);
      options.signal.addEventListener('abort', leave, { once: true });
      if (options.signal.aborted) leave();
    });
  };
};

test('a cancel keeps what was done, stops what is under way, and says of every other line that it was not tried', async () => {
  const store = createMemoryStore();
  const batches = createBatchStore(store);
  const batch = await makeBatch(store, lines(300));
  const runner = batchRunnerOver(store, { answers: stuckBehind(210) });
  const attended = runner.attend(batch);
  await until('lines are done', async () => (await batches.lease(batch))?.completed === 210);
  const found = (await batches.read(batch)) ?? assert.fail();
  const next = requestCancel(found, Date.now()) ?? assert.fail();
  assert.ok(await batches.write(next));
  assert.equal(runner.cancel(batch), true);
  assert.equal(await attended, undefined);
  const ended = await batches.read(batch);
  assert.deepEqual([ended?.status, ended?.counts], ['cancelled', { completed: 210, failed: 90 }]);
  const errors = await fileLines(store, batch, 'errors');
  assert.deepEqual(
    ids(errors),
    Array.from({ length: 90 }, (_, i) => `c${i + 211}`),
  );
  assert.ok(errors.every(({ error }) => error?.code === 'batch_cancelled'));
});

test('a cancel that no worker was told of is found; one before the beginning tries no line', async () => {
  const store = createMemoryStore();
  const batches = createBatchStore(store);
  const batch = await makeBatch(store, lines(20));
  const attended = batchRunnerOver(store, { answers: stuckBehind(5) }).attend(batch);
  await until('it has begun', async () => (await statusOf(store, batch)) === 'in_progress');
  await batches.write(requestCancel((await batches.read(batch))!, Date.now())!);
  await attended;
  assert.equal(await statusOf(store, batch), 'cancelled');

  const other = await makeBatch(store, lines(20));
  await batches.write(requestCancel(other, Date.now())!);
  const none: Ask = () => assert.fail('a line was tried');
  await batchRunnerOver(store, { answers: none }).attend(other);
  assert.deepEqual((await batches.read(other))?.counts, { completed: 0, failed: 20 });
});

test('a batch expires with what was done, and completes where all was', async () => {
  const store = createMemoryStore();
  const batch = await makeBatch(store, lines(20), 80);
  await batchRunnerOver(store, { answers: stuckBehind(5) }).attend(batch);
  const ended = await createBatchStore(store).read(batch);
  assert.deepEqual([ended?.status, ended?.counts], ['expired', { completed: 5, failed: 15 }]);
  const errors = await fileLines(store, batch, 'errors');
  assert.ok(errors.every(({ error }) => error?.code === 'batch_expired'));
});

test('two workers at one batch: one has it, the other waits, and goes on when the first lets it go', async () => {
  const store = createMemoryStore();
  const batch = await makeBatch(store, lines(20));
  const first = batchRunnerOver(store, { answers: stuckBehind(5), worker: 'w1' });
  const second = batchRunnerOver(store, { answers: echo, worker: 'w2' });
  const attended = first.attend(batch);
  await until('it has begun', async () => (await statusOf(store, batch)) === 'in_progress');
  const wait = await second.attend(batch);
  assert.ok(wait !== undefined && wait > 0 && wait < 1.5, `${wait}`);
  first.stop();
  assert.equal(await attended, 1);
  assert.equal(await second.attend(batch), undefined);
  assert.equal(await statusOf(store, batch), 'completed');
  assert.equal(
    (await createBatchStore(store).read(batch))?.stalls,
    1,
    'who lets go does not count',
  );
});

test('a batch that brings its workers down ends, with what was done', async () => {
  const store = createMemoryStore();
  const batch = await makeBatch(store, lines(220));
  const deadly: Ask = async (asked, options) => {
    const { n } = JSON.parse(Buffer.from(asked.body).toString());
    if (n !== 215) return await echo(asked, options);
    return await new Promise((_, reject) => {
      buried.signal.addEventListener('abort', () => reject(new Error('the process was killed')));
    });
  };
  let attempts = 0;
  for (; (await statusOf(store, batch)) !== 'failed' && attempts < 3 * MOST_STALLS; attempts++) {
    const { store: own, kill } = mortal(store);
    // The name of a worker that is started anew in its place.
    const runner = batchRunnerOver(own, { answers: deadly, worker: 'w1' });
    const attended = runner.attend(batch);
    attended.catch(() => undefined);
    await Promise.race([attended, sleep(100)]);
    kill();
  }
  assert.ok(attempts > MOST_STALLS);
  const ended = await createBatchStore(store).read(batch);
  assert.equal(ended?.status, 'failed');
  assert.equal(ended?.failure?.code, 'attempts_exhausted');
  assert.deepEqual(ended?.counts, { completed: 200, failed: 20 });
});

test('input that the store has lost fails the batch, which says so', async () => {
  const objects = new Map();
  const store = createMemoryStore(undefined, objects);
  const batch = await makeBatch(store, lines(300));
  objects.delete(`batch-inputs/default/${batch.id}/000001.jsonl`);
  await batchRunnerOver(store, { answers: echo }).attend(batch);
  const ended = await createBatchStore(store).read(batch);
  assert.deepEqual([ended?.status, ended?.failure?.code], ['failed', 'store_unavailable']);
  assert.equal((await fileLines(store, batch, 'output')).length, 200);
});

test('the sweep finds what has not ended, and removes what was never a batch', async () => {
  const objects = new Map();
  const store = createMemoryStore(undefined, objects);
  const batches = createBatchStore(store);
  const batch = await makeBatch(store, lines(3));
  const orphan = { tenant: 'default', id: batch.id.replace(/.$/, (c) => (c === 'a' ? 'b' : 'a')) };
  await batches.open(orphan);
  await batches.putPiece(orphan, 0, new Uint8Array([1]));
  const found: string[] = [];
  const sweep = (now: () => number) =>
    batchRunnerOver(store, { answers: echo, now }).sweep(
      { found: async ({ id }) => void found.push(id), isDue: () => true },
      new AbortController().signal,
    );
  await sweep(Date.now);
  assert.deepEqual(found, [batch.id]);
  assert.ok([...objects.keys()].some((key: string) => key.includes(orphan.id)));
  await sweep(() => Date.now() + 9 * 3_600_000);
  assert.ok(![...objects.keys()].some((key: string) => key.includes(orphan.id)));
});
