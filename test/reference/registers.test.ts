/** Register tokens in serving: contexts and logits against the PyTorch reference's logits. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { patches } from '../../worker/compare/fmFeeds.ts';
import { decodeRows, encodeStates } from '../../worker/compare/plainGraphs.ts';
import { fullRows, fullTokens, type TokenState } from '../../worker/engine/tokenState.ts';
import { exportedFm } from '../support/exported.ts';
import { floats, ints, REPOSITORY, readTensors, relativeError } from '../support/shared.ts';

const CASE = join(REPOSITORY, 'test/cases/fm_register_shared');

test('contexts with registers come back to the decoder whole, several rows in a batch', {
  skip: existsSync(CASE) ? false : `no case at ${CASE}`,
}, async (t) => {
  const model = await exportedFm(join(CASE, 'weights.safetensors'));
  t.after(() => model.close());
  const forwards = { fm: model.manifest, ...model.graphs };
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
  const contexts = await encodeStates(forwards, [seen(-1), seen(1)]);
  const { dim, num_register_tokens: registers } = model.manifest.config;
  assert.equal(registers, 3);
  for (const { tokens, data } of contexts)
    assert.deepEqual([tokens, data.length], [197, (197 + registers) * dim]);

  const positions = Array.from(ints(expected, 'tok_depth.mod_pos').data, Number);
  const modality = 'tok_depth@224';
  const decoded = await decodeRows(
    forwards,
    contexts.map((context) => ({ context, modality, positions })),
  );
  const reference = floats(expected, 'tok_depth.logits').data;
  const error = relativeError(decoded[1]!.subarray(0, reference.length), reference);
  assert.ok(error <= 1e-4, `error ${error.toExponential(2)} of the scale`);
});
