/** Plans of requests for vectors: what is refused before anything runs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type EmbedRequestBody, embedRequestSchema } from '../../shared/api/embed.ts';
import { FailureError } from '../../shared/api/problem.ts';
import { costOfEmbed, planEmbed } from '../../shared/plan/embed.ts';
import { base } from '../support/describedModels.ts';

const plan = (body: EmbedRequestBody) => planEmbed(embedRequestSchema.parse(body), base);
const depth = { tokens: Array.from({ length: 196 }, (_, i) => i) };
const items = (count: number) => Array.from({ length: count }, () => ({ inputs: { depth } }));

test('an answer has so many numbers at most, fewer as an array than as base64', async () => {
  const tokens = { items: items(256), features: 'tokens' as const };
  const error = await plan(tokens).catch((reason: unknown) => reason);
  assert.ok(error instanceof FailureError);
  assert.equal(error.failure.code, 'too_large');
  assert.equal(error.failure.errors?.[0]?.pointer, '/features');
  // 256 items of 196 tokens of 8 numbers.
  assert.match(error.failure.detail, /401408 numbers/);
  assert.equal((await plan({ ...tokens, format: 'base64' })).items.length, 256);
  assert.equal((await plan({ ...tokens, features: 'mean' })).dimensions, 8);
});

test('what items cost is what each of them costs', async () => {
  const settings = { target: 'dinov2_global', steps: 2, samples: 3 };
  const [one, three] = [
    costOfEmbed(await plan({ items: items(1), ...settings })),
    costOfEmbed(await plan({ items: items(3), ...settings })),
  ];
  for (const key of ['encoderPasses', 'decoderPasses', 'tokenSteps', 'units'] as const)
    assert.equal(three[key], 3 * one[key]);
  // The first step is shared by the samples, the second is each one's own.
  assert.equal(one.encoderPasses, 1 + 3);
  assert.equal(
    costOfEmbed(await plan({ items: items(1), ...settings }), 2500).units,
    one.units + 2,
  );
});

test('steps beyond the tokens of a target name the field', async () => {
  const body = { items: items(2), target: 'dinov2_global', steps: 17 };
  const error = await plan(body).catch((reason: unknown) => reason);
  assert.ok(error instanceof FailureError);
  assert.equal(error.failure.code, 'invalid_target');
  assert.equal(error.failure.errors?.[0]?.pointer, '/steps');
});
