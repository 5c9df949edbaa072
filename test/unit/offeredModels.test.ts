/** The models that workers say they have, as the store keeps them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createModelMemory } from '../../shared/jobs/modelMemory.ts';
import { createMemoryStore } from '../../shared/store/memory.ts';
import { MODEL } from '../support/fakeWorker.ts';

const DAY = 86_400_000;
const model = (id: string, more = {}) => ({ ...MODEL, id, ...more });
const ids = (models: readonly { id: string }[]): string[] => models.map(({ id }) => id);

function world() {
  let now = 1e12;
  const store = createMemoryStore();
  let writes = 0;
  const counting: typeof store = {
    ...store,
    put(...put) {
      writes++;
      return store.put(...put);
    },
  };
  return {
    memory: () => createModelMemory(counting, { refreshMilliseconds: 600_000, now: () => now }),
    pass: (milliseconds: number) => {
      now += milliseconds;
    },
    writes: () => writes,
    time: () => now,
  };
}

test('models of different workers are kept side by side, the default of each before the others', async () => {
  const { memory } = world();
  await memory().remember([model('b'), model('z', { state: 'loading' })]);
  await memory().remember([model('a b/ü'), model('c')]);
  const recalled = await memory().recall();
  assert.deepEqual(ids(recalled), ['a b/ü', 'b', 'c', 'z']);
  assert.ok(recalled.every(({ state }) => state === undefined));
});

test('what has not changed is written again when it is old; a change at once', async () => {
  const { memory, pass, writes, time } = world();
  const worker = memory();
  await worker.remember([model('a')]);
  await worker.remember([model('a', { state: 'loaded' })]);
  assert.equal(writes(), 1);
  await worker.remember([model('a', { digest: 'other' })]);
  assert.equal(writes(), 2);
  pass(600_001);
  await worker.remember([model('a', { digest: 'other' })]);
  assert.equal(writes(), 3);
  assert.equal(await worker.seen('a'), time());
  assert.equal(await worker.seen('b'), undefined);
});

test('a model that nobody has had for a month is forgotten', async () => {
  const { memory, pass } = world();
  await memory().remember([model('a')]);
  pass(20 * DAY);
  await memory().remember([model('b')]);
  assert.deepEqual(ids(await memory().recall()), ['a', 'b']);
  pass(11 * DAY);
  assert.deepEqual(ids(await memory().recall()), ['b']);
});

test('a worker with the encoder alone does not take away what another has whole', async () => {
  const { memory, pass } = world();
  const [whole, encoder] = [memory(), memory()];
  await encoder.remember([model('a', { kind: 'encoder' })]);
  assert.equal((await whole.recall())[0]?.kind, 'encoder');
  await whole.remember([model('a')]);
  pass(600_001);
  await encoder.remember([model('a', { kind: 'encoder' })]);
  assert.equal((await whole.recall())[0]?.kind, undefined);
  pass(DAY);
  await encoder.remember([model('a', { kind: 'encoder' })]);
  assert.equal((await whole.recall())[0]?.kind, 'encoder', 'nobody has it whole any more');
});
