/**
 * The exported tokenizer graphs against the PyTorch reference: the same ids, and values within 1e-4 of
 * the output's largest.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { copyFile, readFile, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { vqConfigSchema } from '../../shared/model/config.ts';
import type { VqManifest } from '../../shared/model/manifest.ts';
import { ExportError, type ExportProblem } from '../../worker/export/errors.ts';
import { openCheckpoint } from '../../worker/safetensors/checkpoint.ts';
import type { Tensor } from '../../worker/session/types.ts';
import { type ExportedModel, exportedVq, temporaryFolder } from '../support/exported.ts';
import { f32, type TensorToWrite, writeSafetensors } from '../support/safetensors.ts';
import {
  floats,
  ints,
  REPOSITORY,
  readTensors,
  relativeError,
  sharedPath,
  skipWithout,
} from '../support/shared.ts';

const TOLERANCE = 1e-4;

/** Every tokenizer among the vectors in and beside the repository, by name. */
const CASES = [join(REPOSITORY, 'test', 'cases'), sharedPath('reference')].flatMap((root) =>
  existsSync(root)
    ? readdirSync(root)
        .filter((name) => name.startsWith('vqvae_'))
        .map((name) => join(root, name))
    : [],
);

for (const folder of CASES) {
  describe(basename(folder), () => {
    let model: ExportedModel<VqManifest>;
    let expected: Record<string, Tensor>;
    before(async () => {
      model = await exportedVq(join(folder, 'weights.safetensors'));
      expected = await readTensors(join(folder, 'io.safetensors'));
    });
    after(() => model.close());

    test('ids and decoded values', async (t) => {
      const inputs = Object.keys(expected).flatMap((key) => key.match(/^(.*)\.input$/)?.[1] ?? []);
      assert.ok(inputs.length > 0);
      for (const input of inputs) {
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
        t.diagnostic(`${input}: error ${error.toExponential(2)} of the scale`);
        assert.ok(error <= TOLERANCE, `${input}: error ${error.toExponential(2)} of the scale`);
      }
    });
  });
}

test('codes by distance (norm_codes off) are the nearest ones', {
  skip: skipWithout('reference', 'vqvae_depth'),
}, async (t) => {
  const folder = await temporaryFolder();
  t.after(() => rm(folder, { recursive: true }));
  const { tensors, metadata } = await copyOf(
    sharedPath('reference/vqvae_depth/weights.safetensors'),
  );
  // Codes of different lengths, or distance and cosine would agree.
  const embed = tensors['quantize._codebook.embed']!;
  const codes = new Float32Array(new Uint8Array(embed.data).buffer).map(
    (value, i) => value * (0.3 + Math.floor(i / 8) / 20),
  ); // (48, 8)
  tensors['quantize._codebook.embed'] = f32([48, 8], [...codes]);
  const file = join(folder, 'distance.safetensors');
  await writeSafetensors(file, tensors, { ...metadata, norm_codes: 'False' });
  const presets = await readFile(sharedPath('reference/vqvae_depth/presets.json'), 'utf8');
  const model = await exportedVq(file, {
    vitPresets: JSON.parse(presets) as Record<string, unknown>,
  });
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

/** Config values that are refused, the reason, and what the error must name. */
const REFUSED: readonly [string, Record<string, string>, ExportProblem, RegExp][] = [
  ['vqvae_undo_std', { quant_type: 'fsq' }, 'config', /quant_type/],
  ['vqvae_undo_std', { patch_size: 'large' }, 'config', /patch_size/],
  ['vqvae_undo_std', { enc_type: 'conv_b_enc' }, 'unsupported', /enc_type conv_b_enc/],
  ['vqvae_undo_std', { dec_type: 'vit_q_dec' }, 'config', /dec_type: no sizes .* vit_q_dec/],
  ['vqvae_undo_std', { n_labels: '7' }, 'unsupported', /undo_std/],
  ['vqvae_sizes', { undo_std: 'True' }, 'unsupported', /undo_std/],
  ['vqvae_sizes', { patch_size_dec: '8' }, 'wrong_shape', /decoder\.out_proj\.weight/],
  ['vqvae_mlp_lucid', { enc_type: 'MLP/B_0-Wi_32' }, 'unsupported', /enc_type: the MLP/],
  ['vqvae_mlp_lucid', { dec_type: 'vit_t_dec' }, 'unsupported', /dec_type vit_t_dec/],
  ['vqvae_mlp_lucid', { n_labels: '7' }, 'unsupported', /n_labels 7/],
  ['vqvae_mlp_lucid', { enc_type: 'MLP/B_4-Wi_32' }, 'missing_tensor', /encoder\.layernorms\.2/],
  ['vqvae_mlp_lucid', { enc_type: 'MLP/B_2-Wi_32' }, 'unused_tensor', /encoder\.layer/],
  ['vqvae_mlp_memcodes', { latent_dim: '30' }, 'unsupported', /latent_dim 30/],
];

for (const [name, changes, reason, message] of REFUSED)
  test(`${name} with ${JSON.stringify(changes)} is refused`, async (t) => {
    const folder = await temporaryFolder();
    t.after(() => rm(folder, { recursive: true }));
    const original = join(REPOSITORY, 'test', 'cases', name);
    const { metadata, tensors } = await copyOf(join(original, 'weights.safetensors'));
    const file = join(folder, 'changed.safetensors');
    await writeSafetensors(file, tensors, { ...metadata, ...changes });
    if (existsSync(join(original, 'presets.json')))
      await copyFile(join(original, 'presets.json'), join(folder, 'presets.json'));
    await assert.rejects(exportedVq(file), (error) => {
      assert.ok(error instanceof ExportError);
      assert.equal(error.reason, reason);
      assert.match(error.message, message);
      return true;
    });
  });

test('presets come before the sizes that the weights tell', async () => {
  const file = join(REPOSITORY, 'test/cases/vqvae_unnamed_sizes/weights.safetensors');
  const sizes = { dim_tokens: 64, depth: 2, num_heads: 1, mlp_ratio: 1 };
  await assert.rejects(exportedVq(file, { vitPresets: { vit_w_enc: sizes } }), {
    reason: 'missing_tensor',
    message: /encoder\.blocks\.1/,
  });
  await assert.rejects(
    exportedVq(file, { vitPresets: { vit_w_enc: { ...sizes, num_heads: 3 } } }),
    {
      reason: 'config',
      message: /enc_type: the 64 channels of vit_w_enc do not divide into 3 heads/,
    },
  );
});

test('keys that a config leaves out have the defaults of the public class', () => {
  assert.deepEqual(vqConfigSchema.parse({ enc_type: 'vit_b_enc' }), {
    image_size: 224,
    n_channels: 3,
    n_labels: null,
    enc_type: 'vit_b_enc',
    patch_proj: true,
    post_mlp: false,
    patch_size: 16,
    quant_type: 'lucid',
    codebook_size: 16384,
    num_codebooks: 1,
    latent_dim: 32,
    norm_codes: true,
    norm_latents: false,
    undo_std: false,
    dec_type: 'vit_b_dec',
    patch_size_dec: null,
    out_conv: false,
  });
});

/** Tensors and metadata of a checkpoint, to be written again. */
async function copyOf(file: string) {
  const source = await openCheckpoint(file);
  try {
    const tensors: Record<string, TensorToWrite> = {};
    for (const { name, type, shape } of source.tensors.values())
      tensors[name] = { dtype: type, shape, data: await source.read(name) };
    return { tensors, metadata: source.metadata };
  } finally {
    await source.close();
  }
}
