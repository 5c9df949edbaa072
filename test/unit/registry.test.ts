/** The registry over models without graphs: who gets which model when, and what becomes of the others. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { FailureError } from '../../shared/api/problem.ts';
import { patienceOf } from '../../worker/registry/room.ts';
import { fakeServed } from '../support/fakeModels.ts';
import { isFailure, never, registryOf, settled } from '../support/fakeRegistry.ts';

describe('at the start', () => {
  test('models are loaded in their order as long as they fit, the others when they are asked for', async () => {
    const models = [3, 3, 1].map((bytes, i) => fakeServed(`m${i}`, { bytes }));
    const { registry, states, use } = await registryOf(models, { budget: 4 });
    assert.deepEqual(registry.descriptions(), []);
    await registry.load(never);
    assert.deepEqual(states(), { m0: 'loaded', m1: 'available', m2: 'loaded' });
    assert.deepEqual(
      registry.descriptions().map(({ id }) => id),
      ['m0', 'm1', 'm2'],
    );
    await use(models[1]!);
    assert.deepEqual(states(), { m0: 'available', m1: 'loaded', m2: 'loaded' });
    assert.equal(registry.status().evictions, 1);
    assert.equal(models[0]!.counts.closed, 1);
  });

  test('a budget below the smallest model is refused, naming both', async () => {
    const models = [fakeServed('large', { bytes: 3e9 }), fakeServed('small', { bytes: 2e9 })];
    const { registry } = await registryOf(models, { budget: 1.5e9 });
    await assert.rejects(
      registry.load(never),
      /the model small of small takes 2 GB of memory, FOURM_MEMORY_BUDGET is 1\.5 GB/,
    );
    assert.equal(models[1]!.counts.loads, 0);
  });

  test('a single model that is too large is not offered, and the log says why', async () => {
    const models = [fakeServed('large', { bytes: 3e9 }), fakeServed('small', { bytes: 1e9 })];
    const { registry, log } = await registryOf(models, { budget: 2e9 });
    await registry.load(never);
    assert.deepEqual(
      registry.descriptions().map(({ id }) => id),
      ['small'],
    );
    assert.match(String(log[0]?.error), /large takes 3 GB of memory, FOURM_MEMORY_BUDGET is 2 GB/);
    assert.throws(
      () => registry.find('large'),
      isFailure('model_not_loaded', /large is not loaded/),
    );
  });

  test('two models of one id, and none at all, are errors', async () => {
    const twins = [fakeServed('m', { origin: 'here' }), fakeServed('m', { origin: 'there' })];
    const { registry } = await registryOf(twins);
    await assert.rejects(registry.load(never), /two models have the id m: here and there/);
    await assert.rejects((await registryOf([])).registry.load(never), /there are none/);
  });
});

describe('a model that is asked for', () => {
  const pair = () => [fakeServed('a'), fakeServed('b', { isQuick: false })] as const;

  test('is loaded once for all who wait', async () => {
    const [a, b] = pair();
    const { registry, begin, states } = await registryOf([a, b], { budget: 1 });
    await registry.load(never);
    const uses = [begin(b), begin(b), begin(b)];
    await settled();
    assert.deepEqual(states(), { a: 'available', b: 'loading' });
    assert.equal(registry.status().models[1]?.waiting, 3);
    b.finish();
    await settled();
    assert.ok(uses.every(({ hasBegun }) => hasBegun()));
    assert.equal(b.counts.loads, 1);
  });

  test('is not freed under a request, and gets no new ones once its turn is over', async () => {
    const [a, b] = pair();
    const { registry, begin, clock, states } = await registryOf([a, b], { budget: 1 });
    await registry.load(never);
    const first = begin(a);
    const other = begin(b);
    await settled();
    const second = begin(a);
    await settled();
    assert.ok(second.hasBegun(), 'within its turn it serves on');
    clock.now += patienceOf(0).turn;
    const third = begin(a);
    await settled();
    assert.equal(third.hasBegun(), false, 'its turn is over');
    first.end();
    await settled();
    assert.deepEqual([states().a, a.counts.closed], ['loaded', 0]);
    second.end();
    b.finish();
    await settled();
    assert.deepEqual([states().b, a.counts.closed], ['loaded', 1]);
    assert.ok(other.hasBegun());
    clock.now += 2 * patienceOf(0).turn;
    other.end();
    await settled();
    assert.ok(third.hasBegun(), 'and has it again afterwards');
    assert.equal(registry.status().evictions, 2);
  });

  test('makes no room any more when nobody waits for it', async () => {
    const [a, b] = pair();
    const { registry, begin, clock, states } = await registryOf([a, b], { budget: 1 });
    await registry.load(never);
    begin(a);
    const gone = new AbortController();
    const other = begin(b, gone.signal);
    clock.now += patienceOf(0).turn;
    const next = begin(a);
    await settled();
    assert.equal(next.hasBegun(), false);
    gone.abort(new Error('the caller has gone'));
    await assert.rejects(other.done, /the caller has gone/);
    await settled();
    assert.ok(next.hasBegun());
    assert.deepEqual(states(), { a: 'loaded', b: 'available' });
  });

  test('and does not come in time is answered 503 with Retry-After', async () => {
    const [a, b] = pair();
    const { registry, use } = await registryOf([a, b], { budget: 1, waitMilliseconds: 20 });
    await registry.load(never);
    await assert.rejects(use(b), (error: FailureError) => {
      assert.ok((error.failure.retryAfterSeconds ?? 0) > 0);
      return isFailure('not_ready', /the model b is not in memory yet/)(error);
    });
    assert.equal(registry.status().models[1]?.waiting, 0);
  });

  test('and cannot be loaded is told to all who wait, and tried again later', async () => {
    const [a, b] = pair();
    const { registry, begin, use, clock, log } = await registryOf([a, b], { budget: 1 });
    await registry.load(never);
    const uses = [begin(b), begin(b)];
    await settled();
    b.fail(new Error('/models/b/weights.bin: cannot be read'));
    for (const { done } of uses)
      await assert.rejects(done, isFailure('not_ready', /the model b could not be loaded/));
    assert.match(String(log.at(-1)?.error), /weights.bin: cannot be read/);
    await assert.rejects(use(b), isFailure('not_ready', /tried again later/));
    assert.equal(b.counts.loads, 1, 'not at once');
    clock.now += 10;
    b.finish();
    await use(b);
    await use(a);
  });

  test('is unknown: the answer says which there are', async () => {
    const [a, b] = pair();
    const { registry, use } = await registryOf([a]);
    await registry.load(never);
    await assert.rejects(use(b), isFailure('model_not_loaded', /b is not loaded; loaded: a/));
  });
});

describe('a thread that dies', () => {
  test('its model is loaded again, while the worker is not ready', async () => {
    const a = fakeServed('a');
    const { registry, use, events } = await registryOf([a]);
    await registry.load(never);
    assert.ok(registry.isReady());
    a.die();
    await settled();
    await use(a);
    assert.equal(a.counts.loads, 2);
    assert.equal(a.counts.closed, 1);
    assert.deepEqual(events(), ['loaded a', 'broken a', 'loaded a']);
    assert.ok(registry.isReady());
  });

  test('a model whose room another one took meanwhile is loaded when it is asked for', async () => {
    const [a, b] = [fakeServed('a'), fakeServed('b', { isQuick: false })];
    const { registry, begin, use, clock } = await registryOf([a, b], { budget: 1 });
    await registry.load(never);
    const waiting = begin(b);
    a.die();
    await settled();
    b.finish();
    await settled();
    assert.ok(waiting.hasBegun());
    assert.ok(registry.isReady(), 'a model that had to go is not missed');
    waiting.end();
    clock.now += 10_000;
    await use(a);
  });
});

test('closing tells who waits, and frees what is there and what is being loaded', async () => {
  const [a, b] = [fakeServed('a'), fakeServed('b', { isQuick: false })];
  const { registry, begin } = await registryOf([a, b], { budget: 2 });
  const loading = registry.load(never);
  await settled();
  const closed = registry.close();
  await assert.rejects(loading, /the worker is stopping/);
  await closed;
  assert.equal(a.counts.closed, 1);
  await assert.rejects(begin(b).done, isFailure('not_ready', /stopping/));
});
