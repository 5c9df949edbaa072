/** Models whose files change or go while they are served. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fakeServed } from '../support/fakeModels.ts';
import { isFailure, never, registryOf, settled } from '../support/fakeRegistry.ts';

describe('files that change', () => {
  test('new requests get the new version; those at work end on the old one, which is freed then', async () => {
    const [old, fresh] = [fakeServed('m'), fakeServed('m', { digest: 'two', version: '2' })];
    const { registry, source, begin, use, events } = await registryOf([old], { budget: 2 });
    await registry.load(never);
    const running = begin(old);
    source.offers = [fresh.offer];
    await registry.refresh();
    assert.equal(registry.find('m').digest, 'one', 'a change is believed when it stays');
    await registry.refresh();
    assert.equal(registry.find('m').digest, 'two');
    await settled();
    assert.equal(fresh.counts.loads, 1, 'it was in memory, and is loaded anew');
    await use(fresh);
    assert.equal(old.counts.closed, 0);
    await assert.rejects(use(old), isFailure('not_ready', /replaced by another version/));
    running.end();
    await running.done;
    await settled();
    assert.equal(old.counts.closed, 1);
    assert.ok(events().includes('changed m'));
  });

  test('where both versions do not fit, the new one waits for the last request on the old one', async () => {
    const [old, fresh] = [fakeServed('m'), fakeServed('m', { digest: 'two', version: '2' })];
    const { registry, source, begin } = await registryOf([old], { budget: 1 });
    await registry.load(never);
    const running = begin(old);
    source.offers = [fresh.offer];
    await registry.refresh();
    await registry.refresh();
    const next = begin(fresh);
    await settled();
    assert.equal(fresh.counts.loads, 0);
    running.end();
    await settled();
    assert.ok(next.hasBegun());
  });

  test('what is loaded is what was told: another digest is not served', async () => {
    const other = fakeServed('m', { digest: 'two' });
    const told = { ...other.offer, description: { ...other.description, digest: 'one' } };
    const { registry } = await registryOf([{ ...other, offer: told }]);
    await assert.rejects(registry.load(never), /holds another model now, with the digest two/);
    assert.equal(other.counts.closed, 1);
  });

  test('a model whose files have gone serves on until it has to be loaded again', async () => {
    const [a, b] = [fakeServed('a'), fakeServed('b')];
    const { registry, source, begin, use, log, clock } = await registryOf([a, b], { budget: 1 });
    await registry.load(never);
    const running = begin(a);
    source.offers = [b.offer];
    await registry.refresh();
    assert.match(String(log.at(-1)?.message), /files of the model a are no longer there/);
    await use(a);
    running.end();
    await running.done;
    clock.now += 10_000;
    await use(b);
    await assert.rejects(use(a), isFailure('model_not_loaded', /a is not loaded; loaded: b/));
    source.offers = [a.offer, b.offer];
    await registry.refresh();
    await registry.refresh();
    clock.now += 10_000;
    await use(a);
  });

  test('a place that cannot be read leaves everything as it is', async () => {
    const a = fakeServed('a');
    const { registry, source, use } = await registryOf([a]);
    await registry.load(never);
    source.list = () => Promise.reject(new Error('the disk is away'));
    await assert.rejects(registry.refresh(), /the disk is away/);
    await use(a);
  });

  test('who asks for a gone model in the moment in which it makes room is told so at once', async () => {
    const [a, b] = [fakeServed('a', { isQuick: false }), fakeServed('b')];
    const { registry, source, begin, clock } = await registryOf([a, b], { budget: 1 });
    const loading = registry.load(never);
    await settled();
    clock.now += 4_000;
    a.finish();
    await loading;
    const running = begin(a);
    begin(b);
    source.offers = [b.offer];
    await registry.refresh();
    running.end();
    await running.done;
    assert.ok(registry.isLoaded('a'), 'it keeps its place for a moment');
    clock.now += 10_000;
    const late = begin(a);
    const outcome = await Promise.race([late.done.catch((error) => error), settled()]);
    isFailure('model_not_loaded', /a is not loaded/)(outcome);
  });

  test('a model that is no longer there need not prove that it runs', async () => {
    const a = fakeServed('a');
    const { registry, source } = await registryOf([a]);
    await registry.load(never);
    source.offers = [];
    registry.check('a');
    registry.check('b');
    await settled();
  });

  test('what was in memory is loaded anew, also when the next version could not be', async () => {
    const [one, two, three] = ['one', 'two', 'three'].map((digest) =>
      fakeServed('m', { digest, version: digest, isQuick: digest !== 'two' }),
    );
    const { registry, source, states } = await registryOf([one!], { budget: 1 });
    await registry.load(never);
    source.offers = [two!.offer];
    await registry.refresh();
    await registry.refresh();
    await settled();
    assert.deepEqual(states(), { m: 'loading' });
    source.offers = [three!.offer];
    two!.fail(new Error('its folder holds another model now'));
    await settled();
    await registry.refresh();
    await settled();
    assert.deepEqual(states(), { m: 'loaded' });
    assert.equal(registry.find('m').digest, 'three');
  });
});
