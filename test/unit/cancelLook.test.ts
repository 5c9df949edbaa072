/** Cancels that nobody tells the worker of, as in a fleet whose workers have no address: found in the store. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { requestCancel } from '../../shared/batches/batch.ts';
import { createBatchStore } from '../../shared/batches/batchStore.ts';
import { cancel } from '../../shared/jobs/job.ts';
import type { Store } from '../../shared/store/store.ts';
import type { Ask } from '../../worker/batches/ask.ts';
import { BATCH_TIMES } from '../../worker/batches/batchRun.ts';
import { TIMES } from '../../worker/consumer/services.ts';
import { batchRunnerOver, fileLines, makeBatch } from '../support/batches.ts';
import { consumerOver, type FakeRun, setUp, step, submitJob, using } from '../support/consumers.ts';

const LOOK = 250;
const STEP = 100;
const STEPS = 1000;

/** A clock of intervals alone that the test moves, and lets everything happen that follows. */
function intervals(t: TestContext): (milliseconds: number) => Promise<void> {
  t.mock.timers.enable({ apis: ['setInterval'] });
  return async (milliseconds) => {
    for (let passed = 0; passed < milliseconds; passed += 10) {
      t.mock.timers.tick(10);
      for (let turns = 0; turns < 20; turns++) await turn();
    }
  };
}

/** Waits for what needs no more time by the intervals' clock. */
async function until(what: string, holds: () => boolean): Promise<void> {
  for (let tries = 0; tries < 10_000; tries++) {
    if (holds()) return;
    await sleep(1);
  }
  assert.fail(what);
}

/** Counts what is asked of a store. */
function counted(store: Store): { readonly store: Store; readonly asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    store: {
      ...store,
      look(key) {
        asked.push(`look ${key}`);
        return store.look(key);
      },
      list(prefix, cursor, after) {
        asked.push(`list ${prefix}`);
        return store.list(prefix, cursor, after);
      },
    },
  };
}

/** A model whose steps take their time by the intervals' clock, and which listens after each. */
const slow =
  (done: () => void): FakeRun =>
  async (_, { onAdmitted, onProgress, signal }) => {
    await onAdmitted();
    await new Promise<void>((resolve) => {
      let steps = 0;
      let isOver = false;
      const timer = setInterval(() => {
        // Node's own interval ends when its own turn clears it; the one of its tests goes on.
        if (isOver) return;
        done();
        onProgress(step(++steps));
        isOver = steps === STEPS || signal.aborted;
        if (!isOver) return;
        clearInterval(timer);
        resolve();
      }, STEP);
    });
  };

test('a job that was canceled does no more steps than fit between two looks, and each look is one request', async (t) => {
  const pass = intervals(t);
  const { store: plain, jobs, status, cleared } = setUp();
  const { store, asked } = counted(plain);
  let steps = 0;
  const signals: AbortSignal[] = [];
  const slowly = slow(() => void steps++);
  const run: FakeRun = (request, options, worker) => {
    signals.push(options.signal);
    return slowly(request, options, worker);
  };
  const consumer = consumerOver(store, { run, times: { ...TIMES, lookMilliseconds: LOOK } });
  await using([consumer], async () => {
    const job = await submitJob(jobs, 'x');
    await consumer.take(job);
    await status(job, 'starting');
    await pass(2 * STEP);
    const running = await status(job, 'processing');
    assert.equal(steps, 2);

    asked.length = 0;
    await pass(4 * LOOK);
    const behind = String(running.revision + 1).padStart(6, '0');
    assert.deepEqual(
      asked,
      Array(4).fill(`look jobs/${job.tenant}/${job.id}/${behind}.json`),
      'nothing else is asked while the job runs',
    );

    const next = cancel(running, Date.now());
    assert.ok(next && (await jobs.write(next)));
    const before = steps;
    await pass(LOOK);
    await until('the run is told to stop', () => signals.some(({ aborted }) => aborted));
    // The step that runs when the cancel is found ends.
    await pass(STEP);
    const after = steps - before;
    assert.ok(after <= Math.ceil(LOOK / STEP) + 1, `${after} steps`);
    await pass(20 * STEP);
    assert.equal(steps - before, after);
    await cleared(job);
  });
});

test('a store that does not answer is asked once at a time; a worker that is told is not asked to look', async (t) => {
  const pass = intervals(t);
  const { store: plain, jobs, status } = setUp();
  for (const lookMilliseconds of [LOOK, undefined]) {
    let hangs = false;
    const looks: string[] = [];
    let release = (): void => {};
    const store: Store = {
      ...plain,
      async look(key) {
        if (hangs) {
          looks.push(key);
          await new Promise<void>((resolve) => {
            release = resolve;
          });
        }
        return await plain.look(key);
      },
    };
    const run = slow(() => {});
    const consumer = consumerOver(store, { run, times: { ...TIMES, lookMilliseconds } });
    await using([consumer], async () => {
      const job = await submitJob(jobs, `${lookMilliseconds}`);
      await consumer.take(job);
      await status(job, 'starting');
      await pass(STEP);
      const running = await status(job, 'processing');
      hangs = true;
      await pass(8 * LOOK);
      assert.equal(looks.length, lookMilliseconds ? 1 : 0, looks.join());
      hangs = false;
      release();
      const next = cancel(running, Date.now());
      assert.ok(next && (await jobs.write(next)));
      if (!lookMilliseconds) consumer.cancel(job);
      await pass(2 * LOOK);
    });
  }
});

test('lines of a batch that was cancelled stop with the next look', async (t) => {
  const pass = intervals(t);
  const { store } = setUp();
  const batches = createBatchStore(store);
  const underWay = new Set<number>();
  const endless: Ask = async ({ body }, { signal }) =>
    await new Promise((_, reject) => {
      const { n } = JSON.parse(Buffer.from(body).toString());
      underWay.add(n);
      signal.addEventListener('abort', () => {
        underWay.delete(n);
        reject(signal.reason);
      });
    });
  const line = (n: number): string =>
    JSON.stringify({ custom_id: `c${n}`, method: 'POST', url: '/v1/embed', body: { n } });
  const batch = await makeBatch(store, [1, 2, 3].map(line).join('\n'), 3_600_000);
  const times = { ...BATCH_TIMES, lookMilliseconds: LOOK };
  const attended = batchRunnerOver(store, { answers: endless, times }).attend(batch);
  await until('the lines are under way', () => underWay.size === 3);
  // Past the first sign of life, so that the next one is far.
  await pass(BATCH_TIMES.progressMilliseconds + LOOK);
  const found = (await batches.read(batch)) ?? assert.fail();
  assert.ok(await batches.write(requestCancel(found, Date.now()) ?? assert.fail()));
  await pass(LOOK);
  await until('the lines under way are told to stop', () => underWay.size === 0);
  await attended;
  const errors = await fileLines(store, batch, 'errors');
  assert.deepEqual(
    errors.map(({ error }) => error?.code),
    Array(3).fill('batch_cancelled'),
  );
});
