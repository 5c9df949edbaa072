/** Span merging on the worked example of the format, and its corner cases. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { closingSentinel, mergeSpans } from '../../worker/engine/spans.ts';
import { REFERENCE_SPECIALS as specials } from '../support/trace.ts';

const [S1, S2, S3, EOS] = [5, 6, 7, 3] as const;
const [a, b, c, d, e] = [210, 211, 212, 213, 214] as const;

test('spans go where their sentinels stand', () => {
  const merged = mergeSpans([a, S1, d, S2], [S1, b, c, S2, e, EOS, S3], specials);
  assert.deepEqual(merged, [a, b, c, d, e, EOS]);
});

test('nothing visible stands for one sentinel', () => {
  assert.deepEqual(mergeSpans([], [S1, a, b, S2], specials), [a, b]);
});

test('ids before the first sentinel are lost, a repeated sentinel adds, a missing span vanishes', () => {
  assert.deepEqual(mergeSpans([S1, d, S3], [a, S1, b, S2, c, S1, e], specials), [b, e, d]);
});

test('the closing sentinel comes after those of the gaps', () => {
  assert.equal(closingSentinel([S1], specials), S2);
  assert.equal(closingSentinel([a, S1, d, S2, e], specials), S3);
  assert.equal(closingSentinel([S1, a, S1], specials), S2);
});
