/** A store that holds what was read: never longer, more or other than it says. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createHotStore } from '../../shared/store/hot.ts';
import { createMemoryStore } from '../../shared/store/memory.ts';
import type { Store } from '../../shared/store/store.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const read = async (store: Store, key: string): Promise<string | undefined> => {
  const found = await store.get(key);
  return found && new TextDecoder().decode(found.body);
};

/** A store, the same as another process has it, and how often it was read from. */
function opened(options: { bytes?: number } = {}) {
  const place = createMemoryStore();
  let [reads, now] = [0, 0];
  let gate: Promise<void> | undefined;
  const watched: Store = {
    ...place,
    async look(key) {
      reads++;
      const found = await place.look(key);
      await gate;
      return found;
    },
  };
  const hot = createHotStore(
    watched,
    { prefix: 'results/', bytes: 1000, seconds: 5, ...options },
    () => now,
  );
  return {
    hot,
    place,
    reads: () => reads,
    pass: (milliseconds: number) => {
      now += milliseconds;
    },
    hold: (promise: Promise<void> | undefined) => {
      gate = promise;
    },
  };
}

test('what was read is held for its seconds, and is one object', async () => {
  const { hot, place, reads, pass } = opened();
  await hot.put('results/a', bytes('one'));
  const first = await hot.get('results/a');
  assert.equal(await hot.get('results/a'), first);
  assert.equal(reads(), 1);
  // Another process deletes it: here it is answered no longer than that.
  await place.delete('results/a');
  pass(4999);
  assert.equal(await read(hot, 'results/a'), 'one');
  pass(1);
  assert.equal(await read(hot, 'results/a'), undefined);
  assert.equal((await hot.look('results/a')).state, 'absent');
});

test('what this process writes and deletes is seen at once', async () => {
  const { hot } = opened();
  for (const text of ['one', 'two']) {
    await hot.put('results/a', bytes(text));
    assert.equal(await read(hot, 'results/a'), text);
  }
  await hot.delete('results/a');
  assert.equal(await read(hot, 'results/a'), undefined);
});

test('a reading that a deletion overtakes is not held', async () => {
  const { hot, hold } = opened();
  await hot.put('results/a', bytes('one'));
  let open = (): void => {};
  hold(
    new Promise((resolve) => {
      open = resolve;
    }),
  );
  const reading = read(hot, 'results/a');
  await hot.delete('results/a');
  open();
  assert.equal(await reading, 'one');
  hold(undefined);
  assert.equal(await read(hot, 'results/a'), undefined);
});

test('keys of another prefix, and large objects, are read each time', async () => {
  const { hot, reads } = opened();
  for (const [key, length] of [
    ['tokens/a', 1],
    ['results/large', 42],
    ['results/small', 41],
  ] as const) {
    await hot.put(key, new Uint8Array(length));
    await hot.get(key);
    const before = reads();
    await hot.get(key);
    assert.equal(reads() - before, key === 'results/small' ? 0 : 1, key);
  }
  const off = opened({ bytes: 0 });
  await off.hot.put('results/a', bytes('one'));
  await off.hot.look('results/a');
  await off.hot.look('results/a');
  assert.equal(off.reads(), 2);
});

test('memory is bounded: what was used longest ago goes', async () => {
  const { hot, reads } = opened();
  // Each takes 3 x 40 of 1000 bytes: eight fit.
  const keys = Array.from({ length: 9 }, (_, i) => `results/${i}`);
  for (const key of keys) await hot.put(key, new Uint8Array(40));
  for (const key of keys.slice(0, 8)) await hot.get(key);
  await hot.get('results/0');
  await hot.get('results/8');
  const before = reads();
  await hot.get('results/0');
  assert.equal(reads() - before, 0);
  await hot.get('results/1');
  assert.equal(reads() - before, 1);
});
