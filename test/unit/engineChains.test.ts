/** Targets after each other: what a chain shows, what guidance takes away of it, and what is encoded once. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { plainRunner } from '../../worker/compare/plain.ts';
import { type GenerationPlan, generate, generateTargets } from '../../worker/engine/generate.ts';
import { emptySequence, fullTokens, type TokenState } from '../../worker/engine/tokenState.ts';
import { arrayModel } from '../support/arrayModel.ts';
import { countPasses } from '../support/countPasses.ts';
import { FAKE_SPECIALS, fakeEngine, planned, runFake } from '../support/engineRun.ts';

const S1 = FAKE_SPECIALS.sentinel(1);
const note = fullTokens([1, 2, 10]);
const inputs: TokenState = new Map([['note', note]]);
const alone = (targets: GenerationPlan['targets'], chained = false): GenerationPlan => ({
  targets,
  chained,
  conditioning: ['note'],
});

describe('chained targets', () => {
  test('finished pictures join the conditioning, finished sequences do not', async () => {
    const guided = { guidanceScale: 2, temperature: 0 };
    const targets = [planned('depth'), planned('caption', guided), planned('normal', guided)];
    const { requests } = await runFake([generate(fakeEngine(), alone(targets, true), inputs)]);
    const [conditional, emptied] = requests.at(-1)!.conditions;
    assert.deepEqual([...conditional!.state.keys()].sort(), ['caption', 'depth', 'note']);
    assert.deepEqual([...emptied!.state.keys()].sort(), ['caption', 'note']);
    assert.equal(emptied!.state.get('note')!.positions.length, 1);
    const { content } = emptied!.state.get('caption')!;
    assert.deepEqual(content, conditional!.state.get('caption')!.content);
  });

  test('every text that is still to come shows its opening sentinel, with guidance and without', async () => {
    const guided = { guidanceScale: 2 };
    const targets = [planned('depth', guided), planned('caption'), planned('normal', guided)];
    const { requests } = await runFake([generate(fakeEngine(), alone(targets, true), inputs)]);
    const shown = requests.map(({ conditions }) =>
      conditions.map(({ state }) => state.get('caption')),
    );
    assert.deepEqual(shown[0], [emptySequence(S1), emptySequence(S1)]);
    assert.deepEqual(shown[1], [emptySequence(S1)]);
    assert.equal(shown.at(-1)!.length, 2);
    for (const caption of shown.at(-1)!) assert.notDeepEqual(caption, emptySequence(S1));
    // Targets that do not see each other see no sentinels of each other either.
    const apart = generateTargets(fakeEngine(), alone(targets), inputs);
    const { rounds } = await runFake(apart);
    const seen = rounds[0]!.map(({ conditions }) => conditions[0]!.state.has('caption'));
    assert.deepEqual(seen, [false, true, false]);
  });

  test('with weights, a finished target is a condition where it has one', async () => {
    const guidance = { note: 2, depth: 3, caption: 0 };
    const targets = [
      planned('depth'),
      planned('caption'),
      planned('dot'),
      planned('normal', { guidance }),
    ];
    const { requests } = await runFake([generate(fakeEngine(), alone(targets, true), inputs)]);
    assert.deepEqual(
      requests.at(-1)!.conditions.map(({ weight, state }) => [weight, [...state.keys()].sort()]),
      [
        [2, ['dot', 'note']],
        [3, ['depth', 'dot']],
        [-4, ['dot']],
      ],
    );
  });
});

test('the first emptied state of guidance is encoded once for all targets', () => {
  const guided = { guidanceScale: 2 };
  const targets = [planned('depth', guided), planned('normal', guided), planned('dot', guided)];
  const passes = (chained: boolean) =>
    countPasses([generate(fakeEngine(), alone(targets, chained), inputs)]);
  assert.deepEqual(passes(false), { encoder: 2, decoder: 6 });
  assert.deepEqual(passes(true), { encoder: 4, decoder: 6 });
});

test('the plain runner encodes at every step, or keeps what it has encoded', async () => {
  const target = planned('depth', { counts: [8, 8], stepTemperatures: [1, 1], guidanceScale: 2 });
  const plan = alone([target, planned('normal', { guidanceScale: 2 })]);
  const rows = async (keepContexts: boolean) => {
    const model = arrayModel();
    const runner = plainRunner(model, { keepContexts });
    await runFake([generate(fakeEngine(), plan, inputs)], {}, runner);
    return model.runs.encoder.reduce((sum, count) => sum + count, 0);
  };
  assert.deepEqual([await rows(false), await rows(true)], [6, 4]);
});
