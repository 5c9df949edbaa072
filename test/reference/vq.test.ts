/**
 * The exported tokenizer graphs against the PyTorch reference: the same ids, and values within 1e-4 of
 * the output's largest.
 */
import assert from 'node:assert/strict';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { VqManifest } from '../../shared/model/manifest.ts';
import { ExportError } from '../../worker/export/errors.ts';
import { openCheckpoint } from '../../worker/safetensors/checkpoint.ts';
import { type ExportedModel, exportedVq, temporaryFolder } from '../support/exported.ts';
import { f32, type TensorToWrite, writeSafetensors } from '../support/safetensors.ts';
import {
  floats,
  ints,
  readTensors,
  relativeError,
  sharedPath,
  skipWithout,
} from '../support/shared.ts';

const TOLERANCE = 1e-4;

/** r16, r48x32 and g2 are other grids than the position table's, which is resized. */
const CASES = {
  vqvae_depth: ['r32', 'r16', 'r48x32'],
  vqvae_normal: ['r32'],
  vqvae_semseg: ['r32'],
  vqvae_featmap: ['g4', 'g2'],
  vqvae_global_mlp: ['b3'],
  vqvae_human_poses: ['b2'],
};

const presetsOf = async (folder: string) =>
  JSON.parse(await readFile(sharedPath('reference', folder, 'presets.json'), 'utf8')) as Record<
    string,
    unknown
  >;

for (const [folder, inputs] of Object.entries(CASES)) {
  describe(folder, { skip: skipWithout('reference', folder) }, () => {
    let model: ExportedModel<VqManifest>;
    before(async () => {
      model = await exportedVq(sharedPath('reference', folder, 'weights.safetensors'), {
        vitPresets: await presetsOf(folder),
      });
    });
    after(() => model.close());
    for (const input of inputs) {
      test(input, async (t) => {
        const expected = await readTensors(sharedPath('reference', folder, 'io.safetensors'));
        const [signature] = model.encoder.signature.inputs;
        const rank = signature!.dims.length;
        const given = expected[`${input}.input`]!;
        // Vectors come as (B, C, 1, 1) in the reference.
        const feed = { ...given, dims: given.dims.slice(0, rank) };
        const { ids } = await model.encoder.run({ [signature!.name]: feed });
        const reference = ints(expected, `${input}.tokens`);
        assert.deepEqual(ids!.data, reference.data);
        assert.deepEqual(ids!.dims, reference.dims.slice(0, ids!.dims.length));
        const { values } = await model.decoder.run({ ids: ids! });
        const decoded = floats(expected, `${input}.decoded`);
        assert.deepEqual(values!.dims, decoded.dims.slice(0, values!.dims.length));
        const error = relativeError(floats({ values: values! }, 'values').data, decoded.data);
        t.diagnostic(`error ${error.toExponential(2)} of the scale`);
        assert.ok(error <= TOLERANCE, `error ${error.toExponential(2)} of the scale`);
      });
    }
  });
}

test('codes by distance (norm_codes off) are the nearest ones', {
  skip: skipWithout('reference', 'vqvae_depth'),
}, async (t) => {
  const folder = await temporaryFolder();
  t.after(() => rm(folder, { recursive: true }));
  const source = await openCheckpoint(sharedPath('reference/vqvae_depth/weights.safetensors'));
  t.after(() => source.close());
  const tensors: Record<string, TensorToWrite> = {};
  for (const { name, type, shape } of source.tensors.values())
    tensors[name] = { dtype: type, shape, data: await source.read(name) };
  // Codes of different lengths, or distance and cosine would agree.
  const codes = (await source.readFloats('quantize._codebook.embed')).map(
    (value, i) => value * (0.3 + Math.floor(i / 8) / 20),
  ); // (48, 8)
  tensors['quantize._codebook.embed'] = f32([48, 8], [...codes]);
  const file = join(folder, 'distance.safetensors');
  await writeSafetensors(file, tensors, { ...source.metadata, norm_codes: 'False' });
  const model = await exportedVq(file, { vitPresets: await presetsOf('vqvae_depth') });
  t.after(() => model.close());

  const io = await readTensors(sharedPath('reference/vqvae_depth/io.safetensors'));
  const latents = floats(io, 'r32.latent').data; // (1, 8, 4, 4)
  const nearest = Array.from({ length: 16 }, (_, place) => {
    const distances = Array.from({ length: 48 }, (_, code) =>
      Array.from({ length: 8 }, (_, d) => (latents[d * 16 + place]! - codes[code * 8 + d]!) ** 2),
    ).map((squares) => squares.reduce((sum, square) => sum + square));
    return distances.indexOf(Math.min(...distances));
  });
  const { ids } = await model.encoder.run({ pixels: io['r32.input']! });
  assert.deepEqual(Array.from(ids!.data, Number), nearest);
  assert.notDeepEqual(ids!.data, io['r32.tokens']!.data, 'cosine would give the same ids');
});

test('a transformer of unknown sizes is refused by name', {
  skip: skipWithout('reference', 'vqvae_depth'),
}, async () => {
  const file = sharedPath('reference/vqvae_depth/weights.safetensors');
  await assert.rejects(
    exportedVq(file),
    (error) =>
      error instanceof ExportError && error.reason === 'config' && /vit_t_enc/.test(error.message),
  );
});

test('a diffusion tokenizer is refused by name', {
  skip: skipWithout('reference', 'divae_rgb'),
}, async () => {
  const file = sharedPath('reference/divae_rgb/weights.safetensors');
  await assert.rejects(
    exportedVq(file),
    (error) =>
      error instanceof ExportError &&
      error.reason === 'unsupported' &&
      /diffusion decoders are not supported/.test(error.message),
  );
});
