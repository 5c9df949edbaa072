/** Register tokens in serving: the engine's requests against the PyTorch reference's logits. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { forwardRunner } from '../../worker/batching/feeds.ts';
import { patches } from '../../worker/compare/fmFeeds.ts';
import type { DecodeRequest, EncodeRequest } from '../../worker/engine/forward.ts';
import { fullRows, fullTokens, type TokenState } from '../../worker/engine/tokenState.ts';
import { exportedFm } from '../support/exported.ts';
import { floats, ints, REPOSITORY, readTensors, relativeError } from '../support/shared.ts';

const CASE = join(REPOSITORY, 'test/cases/fm_register_shared');

test('contexts with registers come back to the decoder whole, several rows in a batch', {
  skip: existsSync(CASE) ? false : `no case at ${CASE}`,
}, async (t) => {
  const model = await exportedFm(join(CASE, 'weights.safetensors'));
  t.after(() => model.close());
  const run = forwardRunner({ fm: model.manifest, ...model.graphs });
  const expected = await readTensors(join(CASE, 'A_rgb_full.safetensors'));
  const { rgb } = await readTensors(join(CASE, '../shared/rgb224.safetensors'));
  const rows = patches(floats({ rgb: rgb! }, 'rgb').data, 224, 16);
  const seen = (scale: number): TokenState => {
    const values = rows.flatMap((row) => Array.from(row, (value) => scale * value));
    return new Map([
      ['rgb@224', fullRows(Float32Array.from(values), rows[0]!.length)],
      ['caption', fullTokens([5])],
    ]);
  };
  const encode = (key: string, state: TokenState): EncodeRequest => ({
    kind: 'encode',
    key,
    state,
  });
  const encoded = await run([encode('other', seen(-1)), encode('given', seen(1))]);
  const contexts = encoded.map((result) => {
    assert.ok(result.kind === 'encode');
    return result.context;
  });
  const { dim, num_register_tokens: registers } = model.manifest.config;
  assert.equal(registers, 3);
  for (const { tokens, data } of contexts)
    assert.deepEqual([tokens, data.length], [197, (197 + registers) * dim]);

  const positions = Array.from(ints(expected, 'tok_depth.mod_pos').data, Number);
  const decoded = await run(
    contexts.map(
      (context): DecodeRequest => ({
        kind: 'decode',
        key: context.key,
        modality: 'tok_depth@224',
        positions,
        context,
        causal: false,
      }),
    ),
  );
  const result = decoded[1]!;
  assert.ok(result.kind === 'decode');
  const reference = floats(expected, 'tok_depth.logits').data;
  const error = relativeError(result.logits.data.subarray(0, reference.length), reference);
  assert.ok(error <= 1e-4, `error ${error.toExponential(2)} of the scale`);
});
