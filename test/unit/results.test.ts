/** Results, kept tokens and chains over a store whose objects get damaged, or that takes no writes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type GenerateResponse,
  generateRequestSchema,
  generateResponseSchema,
} from '../../shared/api/generate.ts';
import { FailureError } from '../../shared/api/problem.ts';
import { planRequest } from '../../shared/plan/plan.ts';
import { createChains } from '../../shared/results/chains.ts';
import { linksOf } from '../../shared/results/keep.ts';
import { createTokenStore, keptTokens } from '../../shared/results/keptTokens.ts';
import { createResultCache, resultKey } from '../../shared/results/results.ts';
import { SHARED_SCOPE } from '../../shared/results/scope.ts';
import { createMemoryStore } from '../../shared/store/memory.ts';
import type { Store } from '../../shared/store/store.ts';
import type { PlacedObject } from '../../shared/store/whole.ts';
import { MODEL } from '../support/fakeWorker.ts';

const ID = 'ab'.repeat(32);
const RESULT: GenerateResponse = {
  id: ID,
  model: { id: 'm', digest: 'd', licence: 'l', precision: 'fp32' },
  seed: 1,
  outputs: { depth: [{ modality: 'tok_depth', presentation: 'depth', sample: 0, tokens: [1, 2] }] },
  usage: { encoder_passes: 1, decoder_passes: 1, generated_tokens: 2, milliseconds: 1 },
};

function openDamageable() {
  const objects = new Map<string, PlacedObject>();
  const lines: string[] = [];
  const log = (line: string): void => void lines.push(line);
  const store = createMemoryStore(log, objects);
  const damage = (key: string): void => {
    const found = objects.get(key) ?? assert.fail(`nothing lies under ${key}`);
    objects.set(key, { ...found, body: found.body.slice(0, 10) });
  };
  return { store, objects, lines, log, damage };
}

const NAME = { scope: 'one', id: ID };

const brokenStore = (): Store => {
  const fails = async (): Promise<never> => {
    throw new Error('ENOSPC: no space left');
  };
  return { ...createMemoryStore(), get: fails, look: fails, put: fails };
};

test('of two who store a result at the same moment the first is kept, unless it is to be replaced', async () => {
  const { store, log } = openDamageable();
  const results = createResultCache(store, generateResponseSchema, log);
  const put = (seed: number, replace = false) =>
    results.put(NAME, { ...RESULT, seed }, replace, { at: 1 });
  assert.deepEqual(await Promise.all([put(1), put(2), put(3)]), [true, true, true]);
  const first = (await results.get(NAME))?.result.seed;
  await put(4);
  assert.equal((await results.get(NAME))?.result.seed, first);
  await put(5, true);
  assert.equal((await results.get(NAME))?.result.seed, 5);
  // What an earlier version kept in another form is no result.
  await store.put(resultKey(NAME), new TextEncoder().encode('{"old": true}'));
  await put(6);
  assert.equal((await results.get(NAME))?.result.seed, 6);
});

test('what is stored between the look of another and its write stays', async () => {
  const { store, log } = openDamageable();
  const results = createResultCache(store, generateResponseSchema, log);
  const slow: Store = {
    ...store,
    async put(key, body, options) {
      await results.put(NAME, RESULT, false, { at: 1 });
      return await store.put(key, body, options);
    },
  };
  const late = createResultCache(slow, generateResponseSchema, log);
  assert.equal(await late.put(NAME, { ...RESULT, seed: 2 }, false, { at: 2 }), true);
  assert.equal((await results.get(NAME))?.result.seed, RESULT.seed);
});

test('a damaged result is computed again once, and is then there', async () => {
  const { store, lines, log, damage } = openDamageable();
  const results = createResultCache(store, generateResponseSchema, log);
  assert.equal(await results.put(NAME, RESULT, false, { at: 1 }), true);
  damage(resultKey(NAME));
  assert.equal(await results.get(NAME), undefined);
  assert.match(lines[0] ?? '', /is damaged/);
  assert.equal(await results.put(NAME, { ...RESULT, seed: 2 }, false, { at: 1 }), true);
  assert.equal((await results.get(NAME))?.result.seed, 2);
});

test('a result of another form is replaced; one that can be read stays', async () => {
  const { store, log } = openDamageable();
  const results = createResultCache(store, generateResponseSchema, log);
  await store.put(resultKey(NAME), new TextEncoder().encode('{"outputs": "of an older form"}'));
  assert.equal(await results.get(NAME), undefined);
  assert.equal(await results.put(NAME, RESULT, false, { at: 1 }), true);
  assert.deepEqual((await results.get(NAME))?.result, RESULT);
  assert.equal(await results.put(NAME, { ...RESULT, seed: 2 }, false, { at: 1 }), true);
  assert.deepEqual((await results.get(NAME))?.result, RESULT, 'what callers have seen stays');
  await results.put(NAME, { ...RESULT, seed: 2 }, true, { at: 1 });
  assert.equal((await results.get(NAME))?.result.seed, 2);
});

test('a stored result says when it was computed and for which request; older ones say the first alone', async () => {
  const { store, log } = openDamageable();
  const results = createResultCache(store, generateResponseSchema, log, () => 5_000);
  await results.put(NAME, RESULT, false, { at: 2_000, requestId: 'first' });
  const { ageSeconds, computed } = (await results.get(NAME)) ?? assert.fail('nothing is stored');
  assert.deepEqual([ageSeconds, computed], [3, { at: 2_000, requestId: 'first' }]);
  const older = JSON.stringify({ stored_at: 1_000, result: RESULT });
  await store.put(resultKey(NAME), new TextEncoder().encode(older));
  assert.deepEqual((await results.get(NAME))?.computed, { at: 1_000, requestId: undefined });
});

test('a result that cannot be stored is not said to be', async () => {
  const lines: string[] = [];
  const results = createResultCache(brokenStore(), generateResponseSchema, (line) =>
    lines.push(line),
  );
  assert.equal(await results.put(NAME, RESULT, false, { at: 1 }), false);
  assert.equal(await results.put(NAME, RESULT, true, { at: 1 }), false);
  assert.equal(await results.get(NAME), undefined);
  assert.equal(lines.length, 3);
});

const KEPT = keptTokens('caption', [1, 2], MODEL.modalities[3] ?? assert.fail(), MODEL);
const codeOf = (error: unknown): string =>
  error instanceof FailureError ? error.failure.code : String(error);

test('damaged tokens are gone, which a problem says; keeping them again repairs them', async () => {
  const { store, objects, log, damage } = openDamageable();
  const tokens = createTokenStore(store, 'one', log);
  const ref = await tokens.keep(KEPT);
  assert.equal(await tokens.has(ref), true);
  damage([...objects.keys()][0] ?? '');
  assert.equal(await tokens.has(ref), false);
  await assert.rejects(tokens.find(ref, '/inputs/x/ref'), (error) => {
    assert.equal(codeOf(error), 'unknown_ref');
    return /are gone.*keep them again/.test(String(error));
  });
  assert.equal(await tokens.keep(KEPT), ref);
  assert.deepEqual(await tokens.find(ref, ''), KEPT);
});

test('tokens of a sequence that ended at once are kept as any others', async () => {
  const { store, log } = openDamageable();
  const tokens = createTokenStore(store, 'one', log);
  const none = { ...KEPT, tokens: [] };
  assert.deepEqual(await tokens.find(await tokens.keep(none), ''), none);
});

test('a store that takes no writes and gives no answers is a problem of its own', async () => {
  const tokens = createTokenStore(brokenStore(), 'one', () => {});
  const isUnavailable = (error: unknown) => codeOf(error) === 'store_unavailable';
  await assert.rejects(tokens.keep(KEPT), isUnavailable);
  await assert.rejects(tokens.find(`sha256:${'0'.repeat(64)}`, ''), isUnavailable);
});

const link = (key: string, modality: string) => ({
  key: key.repeat(64),
  target: { modality, samples: [[1], [2]] },
});

test('a damaged link of a chain counts as absent, with those after it, and is repaired', async () => {
  const { store, log, damage } = openDamageable();
  const chains = createChains(store, 'one', log);
  const links = [link('a', 'rgb'), link('b', 'depth'), link('c', 'caption')];
  const keys = links.map(({ key }) => key);
  await chains.put(links);
  assert.equal((await chains.find(keys)).length, 3);
  damage(`chains/one/bb/${'b'.repeat(64)}.json`);
  assert.deepEqual(await chains.find(keys), [links[0]?.target]);
  await chains.put(links.slice(1));
  assert.equal((await chains.find(keys)).length, 3);
});

test('targets that do not follow each other have nothing to remember', async () => {
  const { store, objects, lines, log } = openDamageable();
  const request = generateRequestSchema.parse({
    inputs: { caption: 'x' },
    targets: ['depth', 'rgb'],
    chained: false,
    keep: true,
  });
  const plan = planRequest(request, MODEL, [MODEL]);
  assert.deepEqual(linksOf([], plan, RESULT), []);
  await createChains(store, 'one', log).put(linksOf([], plan, RESULT));
  assert.deepEqual([lines, [...objects.keys()]], [[], []]);
  // A target without an answer has no samples, and is no error.
  const [rgb] = linksOf(['a', 'b'], plan, RESULT).slice(1);
  assert.deepEqual(rgb?.target.samples, []);
});

test('results that tenants share do not say for whose request they were computed', async () => {
  const { store, log } = openDamageable();
  const results = createResultCache(store, generateResponseSchema, log);
  const computed = { at: 1000, requestId: 'acme-invoice-7' };
  for (const [scope, requestId] of [
    ['acme', 'acme-invoice-7'],
    [SHARED_SCOPE, undefined],
  ] as const) {
    const name = { scope, id: ID };
    assert.ok(await results.put(name, RESULT, false, computed));
    assert.equal((await results.get(name))?.computed.requestId, requestId);
  }
});
