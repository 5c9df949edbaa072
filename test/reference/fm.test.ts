/**
 * The exported FM graphs on inputs that no case folder has (those are in `compare.test.ts`): rows of nothing
 * but padding, and no tokens at all. Tolerance 1e-4 of the output's largest value.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { FmManifest } from '../../shared/model/manifest.ts';
import { rowOf } from '../../worker/compare/tensors.ts';
import { type ExportedModel, exportedFm } from '../support/exported.ts';
import {
  bools,
  decoderFeeds,
  encoderFeeds,
  floatTensor,
  type Row,
  range,
} from '../support/fmFeeds.ts';
import { floats, readTensors, relativeError, sharedPath, skipWithout } from '../support/shared.ts';

const TOLERANCE = 1e-4;

const close = (actual: ArrayLike<number>, expected: ArrayLike<number>, what: string) => {
  const error = relativeError(actual, expected);
  assert.ok(error <= TOLERANCE, `${what}: error ${error.toExponential(2)} of the scale`);
};
for (const folder of ['fm_swiglu_nobias', 'fm_swiglu_qknorm_nobias']) {
  describe(folder, { skip: skipWithout('reference', folder) }, () => {
    const path = (...names: string[]) => sharedPath('reference', folder, ...names);
    let model: ExportedModel<FmManifest>;
    before(async () => {
      model = await exportedFm(path('weights.safetensors'));
    });

    after(() => model.close());

    test('rows that are all padding', async () => {
      const row: Row = { caption: { content: [5, 6], positions: [0, 1] } };
      const input = encoderFeeds(model.manifest, [row, {}]);
      const { features, context } = await model.encoder.run(input.feeds);
      const { dim } = model.manifest.config;
      assert.ok(
        floats({ features: features! }, 'features')
          .data.subarray(2 * dim)
          .every((x) => x === 0),
      );
      // The keys of the second row are all hidden and all the same, so a uniform softmax reads any one of them.
      const second = floats({ context: context! }, 'context').data.slice(2 * dim);
      const targets = { 'tok_depth@224': [{ positions: range(4) }] };
      const hidden = await model.decoder.run(
        decoderFeeds(
          model.manifest,
          targets,
          floatTensor(second, [1, 2, dim]),
          bools([1, 1], [1, 2]),
          false,
        ),
      );
      const seen = await model.decoder.run(
        decoderFeeds(
          model.manifest,
          targets,
          floatTensor(second.slice(0, dim), [1, 1, dim]),
          bools([0], [1, 1]),
          false,
        ),
      );
      const name = 'tok_depth@224.logits';
      close(floats(hidden, name).data, floats(seen, name).data, 'uniform attention');
    });
  });
}

test('an encoder input of no tokens at all, as guidance makes it', {
  skip: skipWithout('reference', 'generation'),
}, async () => {
  const model = await exportedFm(sharedPath('reference/fm_swiglu_nobias/weights.safetensors'));
  const expected = await readTensors(
    sharedPath('reference/generation/mg8cos_conf_cfg2_b2.safetensors'),
  );
  const input = encoderFeeds(model.manifest, [{}, {}]);
  const encoded = await model.encoder.run(input.feeds);
  assert.deepEqual(encoded.context!.dims, [2, 0, model.manifest.config.dim]);
  const row = { positions: range(196) };
  const decoded = await model.decoder.run(
    decoderFeeds(
      model.manifest,
      { 'tok_depth@224': [row, row] },
      encoded.context!,
      input.mask,
      false,
    ),
  );
  const actual = floats(decoded, 'tok_depth@224.logits');
  const reference = floats(expected, 's00.fwd1.logits_first48');
  for (const batch of [0, 1])
    for (let i = 0; i < 48; i++)
      close(rowOf(actual, batch * 196 + i), rowOf(reference, batch * 48 + i), `position ${i}`);
});
