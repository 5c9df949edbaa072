/** Where models stand, as callers see it, and who is asked first: workers that have a model in memory. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { createDispatcher } from '../../edge/dispatch/dispatcher.ts';
import { GENERATE } from '../../edge/dispatch/tasks.ts';
import { generateRequestSchema } from '../../shared/api/generate.ts';
import type { ModelState } from '../../shared/api/models.ts';
import { createModelMemory } from '../../shared/jobs/modelMemory.ts';
import { createMemoryStore } from '../../shared/store/memory.ts';
import type { Store } from '../../shared/store/store.ts';
import { type FakeWorker, MODEL, SECRET, startFakeWorker } from '../support/fakeWorker.ts';

let workers: FakeWorker[];
const written: string[] = [];
const kept = createMemoryStore();
/** The models that the edge remembers, and each time that it writes one down. */
const counting: Store = {
  ...kept,
  put(key, ...rest) {
    written.push(key);
    return kept.put(key, ...rest);
  },
};
before(async () => {
  workers = [await startFakeWorker(), await startFakeWorker()];
});
beforeEach(() => {
  for (const worker of workers) worker.asked.length = 0;
  written.length = 0;
});
after(async () => {
  await Promise.all(workers.map((worker) => worker.close()));
});

const stand = (...states: readonly (ModelState | undefined)[]): void => {
  for (const [i, state] of states.entries())
    workers[i]!.model = state === undefined ? MODEL : { ...MODEL, state };
};
const dispatcher = () =>
  createDispatcher({
    secret: SECRET,
    workers: workers.map(({ url }) => url),
    ttlSeconds: 0,
    timeoutSeconds: 30,
    isQueued: false,
    memory: createModelMemory(counting, { refreshMilliseconds: 3_600_000 }),
    log: () => {},
  });
const settled = () => new Promise((resolve) => setTimeout(resolve, 50));

test('of several workers the nearest state is told, and none is written down', async () => {
  const works: Promise<unknown>[] = [];
  const listing = dispatcher();
  for (const [states, told] of [
    [['available', 'loading'], 'loading'],
    [['loaded', 'loading'], 'loaded'],
    [['available', 'available'], 'available'],
    // A worker of an earlier version says nothing, and has all in memory.
    [[undefined, 'available'], undefined],
  ] as const) {
    stand(...states);
    const [model] = await listing.models((work) => works.push(work));
    assert.equal(model?.state, told);
  }
  await Promise.all(works);
  await settled();
  assert.equal(written.length, 1, 'once: nothing of what is remembered has changed');
  const memory = createModelMemory(counting, { refreshMilliseconds: 1 });
  assert.deepEqual(await memory.recall(), [MODEL]);
});

test('requests go to the worker that has the model in memory, in turn where several have', async () => {
  const ask = async (count: number) => {
    const edge = dispatcher();
    const request = generateRequestSchema.parse({ inputs: { caption: 'a' }, targets: ['rgb'] });
    const body = { request_id: 'r', id: 'i', model: MODEL.id, seed: 1, request };
    const { signal } = new AbortController();
    for (let i = 0; i < count; i++) await edge.run(GENERATE, body, { signal });
    return workers.map(({ asked }) => asked.splice(0).length);
  };
  stand('available', 'loaded');
  assert.deepEqual(await ask(4), [0, 4]);
  stand('loading', 'available');
  assert.deepEqual(await ask(4), [4, 0]);
  stand('loaded', 'loaded');
  assert.deepEqual(await ask(4), [2, 2]);
});
