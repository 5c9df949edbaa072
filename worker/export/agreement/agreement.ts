/**
 * How often a model in a smaller precision predicts the token that fp32 predicts, at temperature 0. The
 * inputs are the model's own: what it generates from nothing, which is the kind of data it knows, and the
 * same for every export of a checkpoint.
 */
import type { Manifest } from '../../../shared/model/manifest.ts';
import type { Agreement, Sessions } from './counting.ts';
import { fmAgreement } from './fm.ts';
import { headAgreement } from './head.ts';
import { tokenizerAgreement } from './tokenizer.ts';

/** How much is compared: with a model that is run in parts every pass takes tens of seconds. */
const USUAL = { rows: 4, steps: 8, pictureTokens: Number.POSITIVE_INFINITY, sequenceTokens: 16 };
const LARGE = { rows: 1, steps: 1, pictureTokens: 48, sequenceTokens: 1 };

/**
 * @param isLarge compares fewer tokens
 * @returns undefined for a model that predicts no tokens or classes, such as a backbone without a head
 */
export async function measureAgreement(
  manifest: Manifest,
  fp32: Sessions,
  lowered: Sessions,
  isLarge: boolean,
): Promise<Agreement | undefined> {
  switch (manifest.kind) {
    case 'fm':
      return fmAgreement(manifest, fp32, lowered, isLarge ? LARGE : USUAL);
    case 'fmvit':
      return headAgreement(manifest, fp32, lowered);
    case 'vqvae':
    case 'divae':
      return tokenizerAgreement(manifest, fp32, lowered);
  }
}
