/** The warning for pictures unlike what a model was trained on, and what its checkpoint says that it knows. */
import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import sharp from 'sharp';
import { vqConfigSchema } from '../../shared/model/config.ts';
import { fmManifestSchema, manifestSchema } from '../../shared/model/manifest.ts';
import { resolveModalities } from '../../shared/model/modalities.ts';
import { ExportError } from '../../worker/export/errors.ts';
import { exportCheckpoint } from '../../worker/export/exportCheckpoint.ts';
import { inspectPicture } from '../../worker/image/inspect.ts';
import { warnOfUnfamiliar } from '../../worker/tasks/familiar.ts';
import { readInput } from '../../worker/tasks/inputs.ts';
import { startReading } from '../../worker/tasks/reading.ts';
import type { ServedModel } from '../../worker/tasks/servedModel.ts';
import { closeThreads } from '../../worker/threads/inThread.ts';
import { temporaryFolder } from '../support/exported.ts';
import { tinyFm, writeTiny } from '../support/tinyModel.ts';

after(closeThreads);

const SIDE = 8;
const LEVEL = 100;
/** By so many levels of 255 the stand-in for a tokenizer is wrong, everywhere. */
const WRONG = 10;

function model(bound: number | undefined, knows?: ServedModel['description']['knows']) {
  const own = {
    type: 'img',
    vocab_size: 4,
    max_tokens: 4,
    input_size: SIDE,
    patch_size: 4,
    tokenizer: 'tok_rgb',
    ...(bound !== undefined && { familiar_error: bound }),
  };
  const pixels = { type: 'img', pixels: true, max_tokens: 4, input_size: SIDE, patch_size: 4 };
  const modalities = resolveModalities(['rgb@8', 'tok_rgb@8'], {
    'rgb@8': pixels,
    'tok_rgb@8': own,
  });
  const value = (LEVEL + WRONG) / 127.5 - 1;
  const config = vqConfigSchema.parse({ enc_type: 'vit_b_enc', image_size: SIDE, patch_size: 4 });
  const tok_rgb = {
    kind: 'vqvae',
    manifest: { config },
    encoder: {
      run: async () => ({ ids: { type: 'int64', dims: [1, 2, 2], data: new BigInt64Array(4) } }),
    },
    decoder: {
      run: async () => {
        const data = new Float32Array(3 * SIDE * SIDE).fill(value);
        return { values: { type: 'float32', dims: [1, 3, SIDE, SIDE], data } };
      },
    },
  };
  const description = {
    id: 'shapes',
    modalities: [
      { name: 'rgb', type: 'img', presentation: 'rgb', modalities: ['rgb@8', 'tok_rgb@8'] },
    ],
    ...(knows && { knows }),
  };
  const loaded = { fm: { modalities }, tokenizers: { tok_rgb } };
  return { loaded, description } as unknown as ServedModel;
}

/** A model that counts how often its tokenizer draws. */
function counting(bound: number) {
  const served = model(bound);
  const tokenizer = served.loaded.tokenizers.tok_rgb!;
  assert.ok(tokenizer.kind === 'vqvae');
  const { run } = tokenizer.decoder;
  const drawn = { times: 0 };
  tokenizer.decoder.run = (...given) => {
    drawn.times++;
    return run(...given);
  };
  return { served, drawn };
}

async function plainPicture(): Promise<Buffer> {
  const create = {
    width: SIDE,
    height: SIDE,
    channels: 3,
    background: { r: LEVEL, g: LEVEL, b: LEVEL },
  };
  return await sharp({ create: { ...create, channels: 3 } })
    .png()
    .toBuffer();
}

async function warningsOf(served: ServedModel, modality: string) {
  const bytes = await plainPicture();
  const reading = startReading();
  const at = '/inputs/rgb';
  await warnOfUnfamiliar(await inspectPicture(bytes, at), modality, served, at, reading);
  return reading.warnings;
}

test('a picture that its tokenizer draws again within the bound is no cause for a warning', async () => {
  assert.deepEqual(await warningsOf(model(WRONG + 0.5), 'rgb@8'), []);
});

test('beyond the bound the warning says by how much, and what the model knows', async () => {
  const served = model(WRONG - 0.5, { world: 'solids on a plain' });
  for (const modality of ['rgb@8', 'tok_rgb@8']) {
    const [warning, ...others] = await warningsOf(served, modality);
    assert.equal(others.length, 0);
    assert.equal(warning?.code, 'unfamiliar_input');
    assert.equal(warning?.pointer, '/inputs/rgb');
    assert.match(warning?.detail ?? '', /shapes.*solids on a plain.* 10\.0 levels of 255.* 9\.5$/);
  }
});

test('the same picture is drawn once, and its warning is told each time', async () => {
  const { served, drawn } = counting(WRONG - 0.5);
  const first = await warningsOf(served, 'rgb@8');
  assert.deepEqual(await warningsOf(served, 'tok_rgb@8'), first);
  assert.equal(first.length, 1);
  assert.equal(drawn.times, 1);
});

test('what is made of a picture does not wait until its tokenizer has drawn it', async () => {
  const served = model(WRONG - 0.5);
  const tokenizer = served.loaded.tokenizers.tok_rgb!;
  assert.ok(tokenizer.kind === 'vqvae');
  const { run } = tokenizer.decoder;
  let draw = (): void => {};
  const mayDraw = new Promise<void>((resolve) => {
    draw = resolve;
  });
  tokenizer.decoder.run = async (...given) => {
    await mayDraw;
    return await run(...given);
  };
  const reading = startReading();
  const url = `data:image/png;base64,${(await plainPicture()).toString('base64')}`;
  const { positions } = await readInput('rgb', url, served, '/inputs/rgb', reading);
  assert.equal(positions.length, 4);
  assert.deepEqual(reading.warnings, []);
  draw();
  await reading.looked();
  assert.deepEqual(
    reading.warnings.map(({ code }) => code),
    ['unfamiliar_input'],
  );
});

test('a checkpoint without a bound says nothing of pictures', async () => {
  assert.deepEqual(await warningsOf(model(undefined), 'rgb@8'), []);
});

test('what a checkpoint knows is in its manifest; another form is an error that names the key', async () => {
  const folder = await temporaryFolder();
  const { tensors, metadata } = tinyFm();
  const exported = async (name: string, knows: string) => {
    const file = join(folder, `${name}.safetensors`);
    await writeTiny(file, { tensors, metadata: { ...metadata, knows } });
    return await exportCheckpoint(file, join(folder, name));
  };
  try {
    await writeFile(join(folder, 'tokenizer.json'), '{}');
    const knows = { world: 'solids', words: ['red', 'box'], picture_size: 64 };
    const manifest = await exported('known', JSON.stringify(knows));
    assert.deepEqual(fmManifestSchema.parse(manifestSchema.parse(manifest)).knows, knows);
    await assert.rejects(
      exported('wrong', JSON.stringify({ words: ['red'] })),
      (error) => error instanceof ExportError && /knows\.world/.test(error.message),
    );
  } finally {
    await rm(folder, { recursive: true });
  }
});
