/** Several generations side by side, with arrays in place of a model. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runLockstep } from '../../worker/batching/lockstep.ts';
import { plainRunner } from '../../worker/compare/plain.ts';
import type { RunRequests } from '../../worker/engine/forward.ts';
import { type Generated, generate, generateTargets } from '../../worker/engine/generate.ts';
import { fullTokens, type TokenState } from '../../worker/engine/tokenState.ts';
import { arrayModel } from '../support/arrayModel.ts';
import { fakeEngine, planned, runFake } from '../support/engineRun.ts';
import { fc } from '../support/properties.ts';
import { generationsOf, randomRequests } from '../support/randomRequests.ts';

const inputs: TokenState = new Map([['note', fullTokens([1, 2, 10])]]);
const four = { counts: [4, 4, 4, 4], stepTemperatures: [1, 1, 1, 1] };

test('a sample is the same alone and beside others', async () => {
  for (const scheme of ['roar', 'maskgit'] as const) {
    const targets = [planned('depth', { ...four, scheme }), planned('caption')];
    const plan = { targets, chained: true, conditioning: ['note'] };
    const sample = (i: number) => generate(fakeEngine(5, i), plan, inputs);
    const together = await runFake([0, 1, 2].map(sample));
    for (const i of [0, 1, 2]) {
      assert.deepEqual((await runFake([sample(i)])).results[0], together.results[i]);
    }
    assert.notDeepEqual(together.results[0], together.results[1]);
    assert.equal(together.results[0]!.get('depth')!.length, 16);
  }
});

test('targets that do not see each other run in one round, on one encoder pass', async () => {
  const targets = [planned('depth'), planned('normal'), planned('dot')];
  const plan = { targets, chained: false, conditioning: ['note'] };
  const samples = [0, 1].flatMap((i) => generateTargets(fakeEngine(5, i), plan, inputs));
  const { rounds, passes, results } = await runFake(samples);
  assert.deepEqual(
    rounds.map((round) => round.map(({ modality }) => modality)),
    [['depth', 'normal', 'dot', 'depth', 'normal', 'dot']],
  );
  // Both samples draw from the same predictions.
  assert.deepEqual(passes, { encoder: 1, decoder: 3 });
  const apart = await runFake([generate(fakeEngine(5, 1), plan, inputs)]);
  assert.deepEqual(apart.results[0], new Map(results.slice(3).flatMap((r) => [...r])));
});

test('chained targets see what came before', async () => {
  const targets = [planned('depth'), planned('normal')];
  const plan = { targets, chained: true, conditioning: ['note'] };
  const generations = generateTargets(fakeEngine(), plan, inputs);
  assert.equal(generations.length, 1);
  const { requests, passes } = await runFake(generations);
  assert.deepEqual(
    requests.map(({ conditions }) => [...conditions[0]!.state.keys()]),
    [['note'], ['note', 'depth']],
  );
  assert.deepEqual(passes, { encoder: 2, decoder: 2 });
});

describe('between two rounds', () => {
  const plan = { targets: [planned('depth', four)], chained: false, conditioning: [] };
  const counted = (afterThree: () => void): { run: RunRequests; rounds: () => number } => {
    const model = plainRunner(arrayModel());
    let rounds = 0;
    return {
      rounds: () => rounds,
      run: (requests) => {
        if (++rounds === 3) afterThree();
        return model(requests);
      },
    };
  };

  test('an abort stops', async () => {
    const controller = new AbortController();
    const { run, rounds } = counted(() => controller.abort(new Error('gone')));
    const forwards = [generate(fakeEngine(), plan, inputs)];
    await assert.rejects(runLockstep(forwards, run, { signal: controller.signal }), /gone/);
    assert.equal(rounds(), 3);
  });

  test('a sequence gives occasion after 64 tokens', async () => {
    const caption = planned('caption');
    const only = { targets: [caption], chained: false, conditioning: [] };
    const engine = fakeEngine(5, 0, { stopTokens: [] });
    const { requests } = await runFake([generate(engine, only, inputs)]);
    assert.deepEqual(
      requests.map(({ draws }) => draws.length),
      [64, 16],
    );
  });
});

const ids = (results: readonly Generated[]) => results.map((result) => [...result]);

test('batched is single: random requests give the same tokens side by side and alone', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(randomRequests, { minLength: 2, maxLength: 4 }), async (mix) => {
      const together = await runFake(mix.flatMap(generationsOf));
      const alone = [];
      for (const forward of mix.flatMap(generationsOf))
        alone.push(...(await runFake([forward])).results);
      assert.deepEqual(ids(together.results), ids(alone));
    }),
    { numRuns: 40 },
  );
});

test('what is reused and in which order requests are answered changes nothing', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(randomRequests, { minLength: 1, maxLength: 3 }), async (mix) => {
      const plain = await runFake(mix.flatMap(generationsOf));
      const kept = plainRunner(arrayModel(), { keepContexts: true });
      const oneByOne: RunRequests = async (all) => {
        const answers = [];
        for (const request of all.toReversed()) answers.unshift((await kept([request]))[0]!);
        return answers;
      };
      const other = await runFake(mix.flatMap(generationsOf), {}, oneByOne);
      assert.deepEqual(ids(other.results), ids(plain.results));
      assert.deepEqual(other.passes, plain.passes);
    }),
    { numRuns: 30 },
  );
});
