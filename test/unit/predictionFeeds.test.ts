/** Filters reach the graph only where they can change a token. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FmManifest } from '../../shared/model/manifest.ts';
import { predictionFeeds } from '../../worker/batching/fused/sampling.ts';
import { FAKE_MODALITIES } from '../support/arrayModel.ts';

const [modality = ''] = Object.keys(FAKE_MODALITIES).filter(
  (name) => FAKE_MODALITIES[name]?.type === 'img',
);
const manifest = {
  config: { domains_out: [modality] },
  modalities: FAKE_MODALITIES,
} as unknown as FmManifest;

test('filters of rows that take the likeliest token are off, those of other rows stay', () => {
  const predictions = [0, 0.5].map((temperature) => ({
    modality,
    sampling: { temperature, topK: 3, topP: 0.75 },
    parts: [{ index: 0, weight: 1 }],
  }));
  const feeds = predictionFeeds(manifest, predictions);
  const numbersOf = (name: string): number[] => [...(feeds[name]?.data ?? [])].map(Number);
  assert.deepEqual(numbersOf('top_k'), [0, 3]);
  assert.deepEqual(numbersOf('top_p'), [0, 0.75]);
  assert.deepEqual(numbersOf('top_k_most'), [3]);
});
