/**
 * The exported FM graphs against the PyTorch reference. Tolerance 1e-4 of the output's largest value.
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import type { FmManifest } from '../../shared/model/manifest.ts';
import { type ExportedModel, exportedFm } from '../support/exported.ts';
import {
  bools,
  decoderFeeds,
  encoderFeeds,
  floatTensor,
  patches,
  type Row,
  range,
} from '../support/fmFeeds.ts';
import { inOrder, rowOf, trainTargets, visible } from '../support/fmReference.ts';
import {
  floats,
  ints,
  readTensors,
  relativeError,
  sharedPath,
  skipWithout,
} from '../support/shared.ts';

const TOLERANCE = 1e-4;

/** The largest error seen, for the report. */
let worst = 0;
const close = (actual: ArrayLike<number>, expected: ArrayLike<number>, what: string) => {
  const error = relativeError(actual, expected);
  worst = Math.max(worst, error);
  assert.ok(error <= TOLERANCE, `${what}: error ${error.toExponential(2)} of the scale`);
};
for (const folder of ['fm_swiglu_nobias', 'fm_swiglu_qknorm_nobias']) {
  describe(folder, { skip: skipWithout('reference', folder) }, () => {
    const path = (...names: string[]) => sharedPath('reference', folder, ...names);
    let model: ExportedModel<FmManifest>;
    let pixels: Float32Array[];
    before(async () => {
      model = await exportedFm(path('weights.safetensors'));
      const rgb = floats(
        await readTensors(sharedPath('reference/shared/rgb224.safetensors')),
        'rgb',
      );
      pixels = [rgb.data, rgb.data.map((value) => -0.6 * value)];
    });

    after(() => model.close());

    test('A: a whole picture and one caption token, one target after the other', async () => {
      const expected = await readTensors(path('A_rgb_full.safetensors'));
      const row: Row = {
        'rgb@224': { content: patches(pixels[0]!, 224, 16), positions: range(196) },
        caption: { content: [5], positions: [0] },
      };
      const input = encoderFeeds(model.manifest, [row]);
      const { features, context } = await model.encoder.run(input.feeds);
      const order = inOrder(['rgb@224', 'caption'], row, input);
      order.forEach((ours, reference) => {
        for (const [actual, name] of [
          [features, 'encoder_out'],
          [context, 'context'],
        ] as const)
          close(
            rowOf(floats({ actual: actual! }, 'actual'), ours),
            rowOf(floats(expected, name), reference),
            `${name} ${reference}`,
          );
      });

      const positions = Array.from(ints(expected, 'tok_depth.mod_pos').data, Number);
      const depth = await model.decoder.run(
        decoderFeeds(
          model.manifest,
          { 'tok_depth@224': [{ positions }] },
          context!,
          input.mask,
          false,
        ),
        ['tok_depth@224.logits'],
      );
      const logits = floats(expected, 'tok_depth.logits').data;
      close(floats(depth, 'tok_depth@224.logits').data.subarray(0, logits.length), logits, 'depth');

      const ids = Array.from(ints(expected, 'caption.tf_ids').data, Number);
      const caption = await model.decoder.run(
        decoderFeeds(
          model.manifest,
          { caption: [{ ids, positions: range(ids.length) }] },
          context!,
          input.mask,
          true,
        ),
      );
      assert.deepEqual(Object.keys(caption).length, model.manifest.config.domains_out.length);
      assert.deepEqual(caption['tok_depth@224.logits']!.dims.slice(0, 2), [1, 0]);
      close(
        floats(caption, 'caption.logits').data,
        floats(expected, 'caption.logits').data,
        'caption',
      );
    });

    test('B: every modality, rows of different length, several targets in one run', async (t) => {
      const expected = await readTensors(path('B_mixed.safetensors'));
      const inputs = await readTensors(path('B_inputs.safetensors'));
      const meta = JSON.parse(await readFile(path('B_meta.json'), 'utf8')) as {
        modality_order: string[];
      };
      const order = meta.modality_order;
      const rows: Row[] = [0, 1].map((row) =>
        Object.fromEntries(order.map((name) => [name, visible(inputs, pixels[row]!, name, row)])),
      );
      const input = encoderFeeds(model.manifest, rows);
      const { features, context } = await model.encoder.run(input.feeds);
      const width = expected['gen.encoder_out']!.dims[1]!;
      rows.forEach((row, b) => {
        inOrder(order, row, input).forEach((ours, reference) => {
          for (const [actual, name] of [
            [features, 'gen.encoder_out'],
            [context, 'gen.context'],
          ] as const)
            close(
              rowOf(floats({ actual: actual! }, 'actual'), b * input.length + ours),
              rowOf(floats(expected, name), b * width + reference),
              `${name} ${b}, ${reference}`,
            );
        });
      });

      const positions = Array.from(ints(expected, 'maskgit.tok_depth.mod_pos').data, Number);
      const count = positions.length / 2;
      // These vectors show row 0's depth tokens in both rows.
      const shown = rows.map((row, b) => {
        const places = rows[0]!['tok_depth@224']!.positions;
        const tensor = ints(inputs, 'tok_depth@224.tensor');
        const content = places.map((place) => Number(tensor.data[b * 196 + place]));
        return { ...row, 'tok_depth@224': { content, positions: places } };
      });
      const shownInput = encoderFeeds(model.manifest, shown);
      const shownContext = (await model.encoder.run(shownInput.feeds, ['context'])).context!;
      const depth = await model.decoder.run(
        decoderFeeds(
          model.manifest,
          {
            'tok_depth@224': [
              { positions: positions.slice(0, count) },
              { positions: positions.slice(count) },
            ],
          },
          shownContext,
          shownInput.mask,
          false,
        ),
      );
      close(
        floats(depth, 'tok_depth@224.logits').data,
        floats(expected, 'maskgit.tok_depth.logits').data,
        'maskgit depth',
      );

      // All targets of row 0 at once, as in training; one run each for either kind of self-attention.
      const alone = encoderFeeds(model.manifest, [rows[0]!]);
      const aloneContext = (await model.encoder.run(alone.feeds, ['context'])).context!;
      const targets = Object.fromEntries(
        model.manifest.config.domains_out.map((name) => [name, [trainTargets(inputs, name)]]),
      );
      const runs = await Promise.all(
        [false, true].map((causal) =>
          model.decoder.run(
            decoderFeeds(model.manifest, targets, aloneContext, alone.mask, causal),
          ),
        ),
      );
      let offset = 0;
      for (const name of order.filter((modality) => modality in targets)) {
        const isSequence = model.manifest.modalities[name]!.type === 'seq';
        const actual = floats(runs[isSequence ? 1 : 0]!, `${name}.logits`);
        const reference = floats(expected, `train.logits.${name}`);
        const columns = reference.dims[2]!; // the first few of the vocabulary
        for (let i = 0; i < actual.dims[1]!; i++)
          close(
            rowOf(actual, i).subarray(0, columns),
            rowOf(reference, offset + i),
            `${name} ${i}`,
          );
        offset += actual.dims[1]!;
      }
      assert.ok(offset > 0);
      t.diagnostic(`largest error so far ${worst.toExponential(2)} of the scale`);
    });

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
