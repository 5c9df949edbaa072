/** What a generation asks and makes of the answers: partial targets, gaps, growing conditions, edges. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { tokenCounts } from '../../shared/schedule.ts';
import type { ForwardResult, RunRequests } from '../../worker/engine/forward.ts';
import { type GenerationPlan, generate } from '../../worker/engine/generate.ts';
import { emptySequence, fullTokens, type TokenState } from '../../worker/engine/tokenState.ts';
import { FAKE_SPECIALS, fakeEngine, planned, runFake } from '../support/engineRun.ts';

const EOS = FAKE_SPECIALS.eos;
const [S1, S2, S3] = [1, 2, 3].map(FAKE_SPECIALS.sentinel) as [number, number, number];
const note = fullTokens([1, 2, 10]);
const inputs: TokenState = new Map([['note', note]]);
const alone = (targets: GenerationPlan['targets'], chained = false): GenerationPlan => ({
  targets,
  chained,
  conditioning: ['note'],
});

/** Writes given ids, as many as there are draws, in place of a model. */
const writing =
  (script: readonly number[]): RunRequests =>
  async (requests) =>
    requests.map((request): ForwardResult => {
      assert.ok(request.kind === 'write');
      const done = request.ids.length - 1;
      const ids = script.slice(done, done + request.draws.length);
      const end = ids.findIndex((id) => request.stops.includes(id));
      return {
        kind: 'write',
        ids: end < 0 ? ids : ids.slice(0, end + 1),
        cache: { kind: 'decoder-cache' },
      };
    });

describe('picture-like targets', () => {
  test('what is given of a target stays, and only the rest is predicted', async () => {
    const given = new Map<number, number>([
      [3, 11],
      [4, 1],
      [15, 2],
    ]);
    const state: TokenState = new Map([
      ...inputs,
      ['depth', { positions: [3, 4, 15], content: { kind: 'ids', ids: [11, 1, 2] } }],
    ]);
    for (const scheme of ['maskgit', 'roar'] as const) {
      const counts = tokenCounts('cosine', 3, 13);
      const target = planned('depth', { scheme, counts, guidanceScale: 2 });
      const plan = { ...alone([target]), conditioning: ['note', 'depth'] };
      const { results, requests } = await runFake([generate(fakeEngine(), plan, state)]);
      const ids = results[0]!.get('depth')!;
      assert.equal(ids.length, 16);
      for (const [position, id] of given) assert.equal(ids[position], id);
      const asked = requests.map((request) =>
        request.kind === 'predict' ? request.positions : [],
      );
      for (const positions of asked)
        assert.ok([...given.keys()].every((position) => !positions.includes(position)));
      const sizes = asked.map((positions) => positions.length);
      assert.deepEqual(sizes, scheme === 'roar' ? counts : [13, 13 - counts[0]!, counts[2]]);
      // The given tokens are part of the target: guidance does not empty them.
      const [, emptied] = requests[0]!.conditions;
      assert.deepEqual(emptied!.state.get('depth')?.positions, [3, 4, 15]);
      assert.equal(emptied!.state.get('note')?.positions.length, 1);
    }
  });

  test('where all tokens are given there is no step and no pass', async () => {
    const ids = Array.from({ length: 16 }, (_, i) => i % 12);
    const state: TokenState = new Map([...inputs, ['depth', fullTokens(ids)]]);
    const told: unknown[] = [];
    const engine = fakeEngine(5, 0, { onStep: (...step) => told.push(step) });
    const plan = alone([planned('depth', { counts: [0], stepTemperatures: [1] })]);
    const { results, passes } = await runFake([generate(engine, plan, state)]);
    assert.deepEqual(results[0]!.get('depth'), ids);
    assert.deepEqual([told, passes], [[], { encoder: 0, decoder: 0 }]);
  });

  test('a step of no tokens asks nothing, and has its place in the schedules', async () => {
    const told: string[] = [];
    const engine = fakeEngine(5, 0, {
      onStep: (target, step, steps) => told.push(`${target} ${step}/${steps}`),
      onTokens: (_, ids) => told.push(`${ids.size} known`),
    });
    const schedule = { counts: [2, 0, 7], stepTemperatures: [1, 2, 3] };
    const plan = alone([planned('normal', schedule)]);
    const { requests } = await runFake([generate(engine, plan, inputs)]);
    assert.deepEqual(
      requests.map((r) => r.kind === 'predict' && [r.step, r.sampling.temperature]),
      [
        [0, 1],
        [2, 3],
      ],
    );
    const steps = ['normal 1/3', 'normal 2/3', 'normal 3/3'];
    const known = ['2 known', '2 known', '9 known'];
    assert.deepEqual(
      told,
      [0, 1, 2].flatMap((i) => [known[i], steps[i]]),
    );
  });

  test('counts for more tokens than are left end with the last one', async () => {
    const schedule = { counts: [7, 7, 7], stepTemperatures: [1, 1, 1] };
    for (const scheme of ['maskgit', 'roar'] as const) {
      const plan = alone([planned('normal', { ...schedule, scheme })]);
      const { results, requests } = await runFake([generate(fakeEngine(), plan, inputs)]);
      assert.equal(results[0]!.get('normal')!.length, 9);
      assert.equal(requests.length, 2);
    }
  });

  test('more steps than tokens, and a target of one token', async () => {
    for (const kind of ['cosine', 'linear'] as const) {
      for (const [modality, tokens] of [
        ['normal', 9],
        ['dot', 1],
      ] as const) {
        for (const scheme of ['maskgit', 'roar'] as const) {
          const counts = tokenCounts(kind, 30, tokens);
          const plan = alone([planned(modality, { counts, scheme })]);
          const { results } = await runFake([generate(fakeEngine(), plan, inputs)]);
          assert.equal(results[0]!.get(modality)!.length, tokens);
        }
      }
    }
  });

  test('a token is drawn by its address alone: another step draws another number', async () => {
    const plan = alone([planned('depth', { counts: [4, 12], scheme: 'roar' })]);
    const { requests } = await runFake([generate(fakeEngine(), plan, inputs)]);
    const again = await runFake([generate(fakeEngine(), plan, inputs)]);
    assert.deepEqual(again.requests[0]!.draws, requests[0]!.draws);
    const all = requests.flatMap(({ draws }) => draws);
    assert.equal(new Set(all).size, 16);
    const greedy = alone([planned('depth', { temperature: 0 })]);
    const zero = await runFake([generate(fakeEngine(), greedy, inputs)]);
    assert.deepEqual(new Set(zero.requests[0]!.draws), new Set([0]));
  });
});

describe('sequences', () => {
  const run = (
    script: readonly number[],
    state: TokenState = inputs,
    extra: Parameters<typeof planned>[1] = {},
  ) =>
    runFake(
      [generate(fakeEngine(), alone([planned('caption', extra)]), state)],
      {},
      writing(script),
    );

  test('an empty target shows its first sentinel, and ends at [EOS] or the closing sentinel', async () => {
    const ended = await run([1, 2, EOS, 10, 11]);
    assert.deepEqual(ended.results[0]!.get('caption'), [1, 2, EOS]);
    const first = ended.requests[0]!;
    assert.deepEqual(first.conditions[0]!.state.get('caption'), emptySequence(S1));
    assert.ok(first.kind === 'write');
    assert.deepEqual([first.ids, first.stops], [[S1], [EOS, S2]]);
    const closed = await run([1, 2, S2, 10, 11]);
    assert.deepEqual(closed.results[0]!.get('caption'), [1, 2]);
  });

  test('gaps are filled in their places', async () => {
    const given = fullTokens([10, S1, 11, S2]);
    const state: TokenState = new Map([...inputs, ['caption', given]]);
    const { results, requests } = await run([1, 2, S2, 2, 2, S3, 10], state);
    assert.deepEqual(results[0]!.get('caption'), [10, 1, 2, 11, 2, 2]);
    const first = requests[0]!;
    assert.equal(first.conditions[0]!.state.get('caption'), given);
    assert.ok(first.kind === 'write');
    assert.deepEqual(first.stops, [EOS, S3]);
  });

  test('a sequence without a gap is left as it is', async () => {
    const state: TokenState = new Map([...inputs, ['caption', fullTokens([1, 2, EOS])]]);
    const { results, requests } = await run([], state);
    assert.deepEqual([results[0]!.get('caption'), requests], [[1, 2, EOS], []]);
  });

  test('pieces of 64 tokens, each with what the last one gave; told after each', async () => {
    const script = Array.from({ length: 80 }, (_, i) => (i === 69 ? EOS : 1 + (i % 2)));
    const told: number[] = [];
    const engine = fakeEngine(5, 0, { onStep: (_, step) => told.push(step) });
    const plan = alone([planned('caption')]);
    const { results, requests } = await runFake(
      [generate(engine, plan, inputs)],
      {},
      writing(script),
    );
    assert.deepEqual(
      requests.map((r) => r.kind === 'write' && [r.ids.length, r.draws.length, r.cache?.kind]),
      [
        [1, 64, undefined],
        [65, 16, 'decoder-cache'],
      ],
    );
    assert.deepEqual(results[0]!.get('caption'), script.slice(0, 70));
    assert.deepEqual(told, [64, 70]);
    assert.deepEqual(
      requests.map((r) => r.kind === 'write' && r.isLast),
      [undefined, true],
    );
    const draws = requests.flatMap((request) => request.draws);
    assert.equal(new Set(draws).size, 80);
  });

  test('weights and scales guide sequences too: as if single logits were added up', async () => {
    const state: TokenState = new Map([
      ['note', note],
      ['depth', fullTokens([1, 2, 3])],
    ]);
    const target = (extra: object) =>
      planned('caption', { temperature: 0, maxTokens: 12, ...extra });
    const written = async (extra: object) => {
      const plan = { ...alone([target(extra)]), conditioning: ['note', 'depth'] };
      const { results, requests } = await runFake([generate(fakeEngine(), plan, state)]);
      return { ids: results[0]!.get('caption'), conditions: requests[0]!.conditions };
    };
    const weighted = await written({ guidance: { note: 2, depth: -1 } });
    assert.deepEqual(
      weighted.conditions.map(({ weight, state }) => [weight, [...state.keys()]]),
      [
        [2, ['caption', 'note']],
        [-1, ['caption', 'depth']],
      ],
    );
    // A weight of 1 for one input is that input alone.
    const single = await written({ guidance: { note: 1, depth: 0 } });
    const only = await runFake([generate(fakeEngine(), alone([target({})]), inputs)]);
    assert.deepEqual(single.ids, only.results[0]!.get('caption'));
    assert.notDeepEqual(weighted.ids, single.ids);
  });
});
