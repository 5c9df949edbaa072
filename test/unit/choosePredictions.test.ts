/** How many predictions share a run: as many as its memory holds, and one however large it is. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { boundsOf, LOGIT_BYTES } from '../../worker/batching/bounds.ts';
import { choose, type Model } from '../../worker/batching/choose.ts';
import type { PredictWork } from '../../worker/batching/work.ts';
import { fullTokens, type TokenState } from '../../worker/engine/tokenState.ts';
import { CPU } from '../../worker/session/devices.ts';

const TARGETS = 4;
const VOCABULARY = 1000;
const ONE = TARGETS * VOCABULARY * LOGIT_BYTES;

const model = (mostBytes: number): Model => ({
  tokensOf: () => 1,
  compositionOf: () => '',
  seen: () => undefined,
  pace: { expected: () => 1, learn: () => {} },
  tokenBytes: 1,
  vocabularyOf: (modality) => (modality === 'depth' ? VOCABULARY : 1),
  bounds: boundsOf(CPU),
  mostBytes,
});

function prediction(id: number): PredictWork {
  const state: TokenState = new Map([['rgb', fullTokens([id])]]);
  const positions = Array.from({ length: TARGETS }, (_, i) => i);
  const group = { key: String(id), modality: 'depth', positions, state, isConstant: false };
  return {
    kind: 'predict',
    open: new Map([[group.key, group]]),
    most: Number.POSITIVE_INFINITY,
  } as unknown as PredictWork;
}

test('predictions share a run up to the memory that their logits take', () => {
  const works = [1, 2, 3].map(prediction);
  const shared = (bytes: number): number => choose(works[0]!, works, model(bytes)).works.length;
  assert.equal(shared(3 * ONE), 3);
  assert.equal(shared(3 * ONE - 1), 2);
  assert.equal(shared(1), 1, 'one is never refused');
});
