/** Masks of SAM instances on a tokenizer of their kind, from text to COCO run lengths and from masks to ids. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { VqManifest } from '../../shared/model/manifest.ts';
import type { Tensor } from '../../worker/session/types.ts';
import { encodeMask } from '../../worker/tasks/encodeValues.ts';
import { makeOutput } from '../../worker/tasks/outputs.ts';
import type { ServedModel } from '../../worker/tasks/servedModel.ts';
import { decodeRle, type RunLengths } from '../../worker/values/rle.ts';
import { type ExportedModel, exportedVq } from '../support/exported.ts';
import { fakeModel } from '../support/publishedModel.ts';
import { floats, ints, REPOSITORY, readTensors } from '../support/shared.ts';

const FOLDER = join(REPOSITORY, 'test/cases/vqvae_sam_instance');
/** Where the sign of a logit is sure. */
const SURE = 1e-3;

describe('masks of instances', () => {
  let exported: ExportedModel<VqManifest>;
  let recorded: Record<string, Tensor>;
  let model: ServedModel;
  before(async () => {
    exported = await exportedVq(join(FOLDER, 'weights.safetensors'));
    recorded = await readTensors(join(FOLDER, 'io.safetensors'));
    const { manifest, encoder, decoder } = exported;
    model = fakeModel({ tok_sam_instance: { kind: 'vqvae', manifest, encoder, decoder } });
  });
  after(() => exported?.close());
  const ids = () => Array.from(ints(recorded, 'r64.tokens').data, Number);

  test('a mask becomes the recorded ids', async () => {
    const { data } = floats(recorded, 'r64.input');
    assert.deepEqual(await encodeMask(data, 64, 'sam_instance', model.loaded, '/'), ids());
  });

  test('ids in a box of 64 pixels become the pixels whose recorded logit is positive', async () => {
    const words = ids().map((id) => `v0=${id}`);
    const text = `point v0=30 v1=30 polygon v0=10 v1=20 v2=74 v3=84 ${words.join(' ')}`;
    const tokens = [...model.text.encode(text), 3];
    const { value, warnings } = await makeOutput('sam_instance', tokens, model, {
      seed: 0,
      sample: 0,
    });
    assert.equal(warnings, undefined);
    const { instances } = value as { readonly instances: { readonly segmentation: RunLengths }[] };
    assert.equal(instances.length, 1);
    const mask = decodeRle(instances[0]!.segmentation)!;
    const { data } = floats(recorded, 'r64.decoded');
    let inside = 0;
    for (let y = 0; y < 224; y++) {
      for (let x = 0; x < 224; x++) {
        const [row, column] = [y - 20, x - 10];
        const within = row >= 0 && row < 64 && column >= 0 && column < 64;
        const logit = within ? data[row * 64 + column]! : -1;
        if (Math.abs(logit) < SURE) continue;
        assert.equal(mask[y * 224 + x], logit > 0 ? 1 : 0, `${x}, ${y}`);
        inside += logit > 0 ? 1 : 0;
      }
    }
    assert.ok(inside > 100 && inside < 4000);
  });
});
