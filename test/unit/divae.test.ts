/** A tiny diffusion tokenizer from checkpoint to picture, and the configs that its export refuses. */
import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { generateRequestSchema } from '../../shared/api/generate.ts';
import { createScheduler } from '../../worker/batching/scheduler.ts';
import { sample } from '../../worker/diffusion/sampler.ts';
import { normals } from '../../worker/engine/rng.ts';
import { ExportError } from '../../worker/export/errors.ts';
import { exportCheckpoint } from '../../worker/export/exportCheckpoint.ts';
import { exportSet } from '../../worker/export/exportSet.ts';
import { inspectPicture } from '../../worker/image/inspect.ts';
import { png8 } from '../../worker/image/png.ts';
import { loadModelSet } from '../../worker/session/loadModels.ts';
import type { LoadedModelSet, LoadedTokenizer } from '../../worker/session/types.ts';
import { decodeTokens } from '../../worker/tasks/decodeTokens.ts';
import { encodePicture } from '../../worker/tasks/encodeValues.ts';
import { runGenerate } from '../../worker/tasks/generate.ts';
import { describeModel } from '../../worker/tasks/servedModel.ts';
import { temporaryFolder } from '../support/exported.ts';
import { f32 } from '../support/safetensors.ts';
import { TINY_CODES, tinyDivae } from '../support/tinyDivae.ts';
import { filled, TINY_DIM, TINY_MODALITIES, tinyFm, writeTiny } from '../support/tinyModel.ts';

const DEPTH = 'tok_depth@16';
const IDS = [3, 0, 6, 2];

/** The tiny FM, predicting depth as well. */
function depthFm() {
  const { tensors, metadata } = tinyFm();
  const place = `decoder_embeddings.${DEPTH}`;
  const shapes = {
    [`${place}.token_emb.weight`]: [TINY_CODES, TINY_DIM],
    [`${place}.pos_emb`]: [1, IDS.length, TINY_DIM],
    [`${place}.mod_emb`]: [1, 1, TINY_DIM],
    [`${place}.to_logits.weight`]: [TINY_CODES, TINY_DIM],
  };
  const info = {
    type: 'img',
    vocab_size: TINY_CODES,
    max_tokens: IDS.length,
    input_size: 16,
    patch_size: 8,
    presentation: 'depth',
    tokenizer: 'tok_depth',
  };
  return {
    metadata: {
      ...metadata,
      share_modality_embeddings: 'False',
      domains_out: `['caption', '${DEPTH}']`,
      modality_info: JSON.stringify({ ...TINY_MODALITIES, [DEPTH]: info }),
    },
    tensors: {
      ...tensors,
      'decoder_embeddings.caption.mod_emb': filled('mod_emb', [1, 1, TINY_DIM]),
      ...Object.fromEntries(
        Object.entries(shapes).map(([name, shape]) => [name, filled(name, shape)]),
      ),
    },
  };
}

describe('a set with a diffusion tokenizer', () => {
  let folder: string;
  let loaded: LoadedModelSet;
  let tokenizer: Extract<LoadedTokenizer, { kind: 'divae' }>;
  before(async () => {
    folder = await temporaryFolder();
    await writeTiny(join(folder, 'fm.safetensors'), depthFm());
    await writeTiny(join(folder, 'tok_depth.safetensors'), tinyDivae());
    await writeFile(join(folder, 'tokenizer.json'), '{}');
    await exportSet(folder, join(folder, 'set'), { id: 'tiny' });
    loaded = await loadModelSet(join(folder, 'set'), { threads: 1 });
    const found = loaded.tokenizers.tok_depth;
    assert.equal(found?.kind, 'divae');
    tokenizer = found as typeof tokenizer;
  });
  after(async () => {
    await loaded?.close();
    await rm(folder, { recursive: true });
  });

  const decode = async (seed: number, row = 0) =>
    (await decodeTokens(IDS, DEPTH, loaded, { seed, sample: row }))!;

  test('decodes 25 trailing steps from the noise of the seed', async () => {
    const values = await decode(5, 2);
    const { codes } = await tokenizer.codebook.run({
      ids: { type: 'int64', dims: [1, 2, 2], data: BigInt64Array.from(IDS, BigInt) },
    });
    assert.ok(codes?.type === 'float32');
    const timesteps: number[] = [];
    const expected = await sample(tokenizer.denoiser, codes, tokenizer.manifest.config, {
      size: [16, 16],
      steps: 25,
      noise: (_, step, count) => normals(5, 2, { target: DEPTH, step }, count),
      onStep: ({ timestep }) => timesteps.push(timestep),
    });
    assert.deepEqual(
      timesteps,
      Array.from({ length: 25 }, (_, i) => 999 - 40 * i),
    );
    assert.deepEqual(values, { data: expected.data, channels: 1, height: 16, width: 16 });
    assert.ok(values.data.every((value) => Math.abs(value) <= 1));
    assert.ok(new Set(values.data).size > 10, 'the picture is flat');
  });

  test('the same seed and sample are the same picture, others are others', async () => {
    const first = await decode(5);
    assert.deepEqual(await decode(5), first);
    assert.notDeepEqual(await decode(6), first);
    assert.notDeepEqual(await decode(5, 1), first);
  });

  test('stops between two steps', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    await assert.rejects(
      decodeTokens(IDS, DEPTH, loaded, { seed: 5, sample: 0, signal }),
      /enough/,
    );
  });

  test('encodes a picture to ids of its codebook', async () => {
    const pixels = Uint8Array.from({ length: 256 }, (_, i) => (i * 37) % 256);
    const [, base64 = ''] = (await png8(pixels, 16, 16, 1)).split(',');
    const picture = await inspectPicture(Buffer.from(base64, 'base64'), '/');
    const ids = await encodePicture(picture, DEPTH, loaded, '/');
    assert.equal(ids.length, IDS.length);
    assert.ok(ids.every((id) => id >= 0 && id < TINY_CODES));
  });

  test('a request is answered with the picture, the same for the same seed', async () => {
    const specials = { pad: 0, eos: 1, sentinel: (k: number) => 1 + k, isSentinel: () => false };
    const tokenize = () => ({ ids: [], unknown: [] });
    const text = { encode: () => [], tokenize, decode: () => '', specials, gaps: 1, size: 10 };
    const scheduler = createScheduler(loaded.fm, loaded.generate);
    const description = describeModel(loaded);
    const model = { loaded, text, description, scheduler, close: loaded.close };
    const request = generateRequestSchema.parse({
      inputs: { caption: { tokens: [4, 5, 1] } },
      targets: [{ modality: 'depth', steps: 2 }],
      num_samples: 2,
    });
    const run = (seed: number) => runGenerate({ id: 'id', seed, request }, model);
    const [first, again, other] = [await run(1), await run(1), await run(2)];
    const pictures = (result: typeof first) => result.outputs.depth!.map(({ data }) => data);
    assert.deepEqual(again.outputs, first.outputs);
    assert.equal(new Set([...pictures(first), ...pictures(other)]).size, 4);
    for (const { warnings, image } of first.outputs.depth!) {
      assert.equal(warnings, undefined);
      assert.match(image!, /^data:image\/png;base64,/);
    }
  });
});

describe('exporting a diffusion tokenizer refuses', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await temporaryFolder();
  });
  afterEach(() => rm(folder, { recursive: true }));

  const refused = async (
    checkpoint: ReturnType<typeof tinyDivae>,
    reason: string,
    message: RegExp,
  ) => {
    const file = join(folder, 'tok.safetensors');
    await writeTiny(file, checkpoint);
    await assert.rejects(
      exportCheckpoint(file, join(folder, 'out')),
      (error) =>
        error instanceof ExportError && error.reason === reason && message.test(error.message),
    );
  };
  const configs: readonly [string, Record<string, string>, string, RegExp][] = [
    ['sizes nobody knows', { dec_type: 'unet_other' }, 'config', /dec_type.*unet_other/],
    ['a UViT of sizes nobody knows', { dec_type: 'uvit_x' }, 'config', /dec_type.*uvit_x/],
    ['another decoder', { dec_type: 'controlnet' }, 'unsupported', /controlnet/],
    ['class labels', { n_labels: '5' }, 'unsupported', /n_labels/],
    ['an unknown schedule', { beta_schedule: 'sigmoid' }, 'config', /beta_schedule/],
    ['an unknown prediction', { prediction_type: 'score' }, 'config', /prediction_type/],
    [
      'noise predicted where nothing but noise is left',
      { prediction_type: 'epsilon' },
      'unsupported',
      /epsilon/,
    ],
  ];
  for (const [what, metadata, reason, message] of configs)
    test(what, () => refused(tinyDivae(metadata), reason, message));

  test('a tensor that has no place', () => {
    const { tensors, metadata } = tinyDivae();
    const extra = { ...tensors, 'decoder.input_blocks.4.0.op.bias': f32([4], [0, 0, 0, 0]) };
    return refused({ tensors: extra, metadata }, 'unused_tensor', /input_blocks\.4\.0\.op\.bias/);
  });

  test('a missing tensor', () => {
    const { tensors, metadata } = tinyDivae();
    const { 'decoder.middle_block.1.qkv.weight': _, ...rest } = tensors;
    return refused({ tensors: rest, metadata }, 'missing_tensor', /middle_block\.1\.qkv\.weight/);
  });
});
