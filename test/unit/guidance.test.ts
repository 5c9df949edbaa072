/** Which states a guided step looks at, and with which weights. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { conditionsOf, type Guidance } from '../../worker/engine/guidance.ts';
import { fullRows, fullTokens, stateKey, type TokenState } from '../../worker/engine/tokenState.ts';
import { FAKE_MODALITIES } from '../support/arrayModel.ts';

const FIRST_SENTINEL = 5;
const caption = fullTokens([1, 2]);
const depth = fullTokens([3, 4, 5]);
const vectors = fullRows(Float32Array.of(1, 2, 3, 4, 5, 6), 3);
const all: TokenState = new Map([
  ['caption', caption],
  ['depth', depth],
  ['vectors', vectors],
]);

const conditions = (state: TokenState, target: string, guidance: Partial<Guidance>) =>
  conditionsOf(
    state,
    target,
    { scale: 1, conditioning: [...state.keys()], ...guidance },
    FAKE_MODALITIES,
    FIRST_SENTINEL,
  );
/** Weight and what is seen, for comparing. */
const told = (list: ReturnType<typeof conditions>) =>
  list.map(({ state, weight }) => [
    weight,
    Object.fromEntries(
      [...state].map(([name, { content }]) => [
        name,
        content.kind === 'ids' ? content.ids : [...content.rows],
      ]),
    ),
  ]);

describe('one scale', () => {
  test('1 looks at the state itself, once', () => {
    assert.deepEqual(conditions(all, 'normal', {}), [{ state: all, weight: 1 }]);
    assert.equal(conditions(all, 'normal', {})[0]!.state, all);
  });

  test('pictures vanish, sequences show one sentinel, embeddings one row of zeros', () => {
    assert.deepEqual(told(conditions(all, 'normal', { scale: 3 })), [
      [3, { caption: [1, 2], depth: [3, 4, 5], vectors: [1, 2, 3, 4, 5, 6] }],
      [-2, { caption: [FIRST_SENTINEL], vectors: [0, 0, 0] }],
    ]);
  });

  test('any sign; 0 looks at the emptied state alone', () => {
    const negative = conditions(all, 'normal', { scale: -1.5 });
    assert.deepEqual(
      negative.map(({ weight }) => weight),
      [-1.5, 2.5],
    );
    const none = conditions(all, 'normal', { scale: 0, conditioning: ['depth'] });
    assert.deepEqual(told(none), [[1, { caption: [1, 2], vectors: [1, 2, 3, 4, 5, 6] }]]);
  });

  test('what is known of the target itself stays, also when it was given', () => {
    const [, emptied] = conditions(all, 'depth', { scale: 2 });
    assert.deepEqual(emptied!.state.get('depth'), depth);
  });

  test('where there is nothing to empty, one state is looked at', () => {
    const only: TokenState = new Map([['depth', depth]]);
    assert.deepEqual(conditions(only, 'depth', { scale: 2 }), [{ state: only, weight: 1 }]);
    const empty = conditions(new Map([['caption', fullTokens([FIRST_SENTINEL])]]), 'depth', {
      scale: 2,
    });
    assert.deepEqual(
      empty.map(({ weight }) => weight),
      [1],
    );
  });
});

describe('weights', () => {
  test('each input by itself, and none of them; what has no weight is seen by all', () => {
    const weights = { caption: 2, depth: -0.5 };
    const rest = { vectors: [1, 2, 3, 4, 5, 6] };
    assert.deepEqual(told(conditions(all, 'normal', { weights })), [
      [2, { ...rest, caption: [1, 2] }],
      [-0.5, { ...rest, depth: [3, 4, 5] }],
      [-0.5, rest],
    ]);
  });

  test('a weight of 0 hides its input and is not computed', () => {
    const weights = { caption: 2, depth: 0, vectors: 0 };
    assert.deepEqual(told(conditions(all, 'normal', { weights })), [
      [2, { caption: [1, 2] }],
      [-1, {}],
    ]);
  });

  test('weights that sum to 1 need no unconditional state', () => {
    const weights = { caption: 1.5, depth: -0.5, vectors: 0 };
    assert.deepEqual(told(conditions(all, 'normal', { weights })), [
      [1.5, { caption: [1, 2] }],
      [-0.5, { depth: [3, 4, 5] }],
    ]);
  });

  test('names that are not there, and the target itself, are passed over', () => {
    const state: TokenState = new Map([
      ['caption', caption],
      ['depth', depth],
    ]);
    const weights = { caption: 2, depth: 5, normal: 3 };
    assert.deepEqual(told(conditions(state, 'depth', { weights })), [
      [2, { depth: [3, 4, 5], caption: [1, 2] }],
      [-1, { depth: [3, 4, 5] }],
    ]);
  });
});

test('equal states have equal keys: ids by value, rows by identity', () => {
  const again: TokenState = new Map([
    ['vectors', vectors],
    ['depth', fullTokens([3, 4, 5])],
    ['caption', fullTokens([1, 2])],
    ['normal', fullTokens([])],
  ]);
  assert.equal(stateKey(again), stateKey(all));
  const other = fullRows(Float32Array.of(1, 2, 3, 4, 5, 6), 3);
  assert.notEqual(stateKey(new Map([...again, ['vectors', other]])), stateKey(all));
  const emptied = () =>
    conditions(new Map([['vectors', vectors]]), 'depth', { scale: 0 })[0]!.state;
  assert.equal(stateKey(emptied()), stateKey(emptied()));
});
