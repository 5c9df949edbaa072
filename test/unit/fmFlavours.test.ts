/** Variants of an FM that no reference vectors have, held against the variant they are equal to. */
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { encoderFeeds, range } from '../../worker/compare/fmFeeds.ts';
import { floats, relativeError } from '../../worker/compare/tensors.ts';
import { ExportError } from '../../worker/export/errors.ts';
import { exportCheckpoint } from '../../worker/export/exportCheckpoint.ts';
import { exportedFm, temporaryFolder } from '../support/exported.ts';
import { f32, type TensorToWrite } from '../support/safetensors.ts';
import { filled, TINY_DIM, type TinyCheckpoint, tinyFm, writeTiny } from '../support/tinyModel.ts';

const WIDTH = 5;
const NARROW = 3;

let folder: string;
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(() => rm(folder, { recursive: true }));

const values = ({ data }: TensorToWrite): Float32Array => new Float32Array(data.slice().buffer);

/** The tiny FM, told rows of a text encoder as well, which these tensors project. */
function withEmbeddings(projection: Readonly<Record<string, TensorToWrite>>): TinyCheckpoint {
  const { tensors, metadata } = tinyFm();
  const at = (name: string) => `encoder_embeddings.t5_caption.${name}`;
  return {
    metadata: { ...metadata, domains_in: "['caption', 't5_caption']" },
    tensors: {
      ...tensors,
      [at('pos_emb')]: filled('t5 positions', [1, 77, TINY_DIM]),
      [at('mod_emb')]: filled('t5', [1, 1, TINY_DIM]),
      ...Object.fromEntries(Object.entries(projection).map(([name, value]) => [at(name), value])),
    },
  };
}

async function featuresOf(name: string, checkpoint: TinyCheckpoint): Promise<Float32Array> {
  const file = join(folder, `${name}.safetensors`);
  await writeTiny(file, checkpoint);
  const model = await exportedFm(file);
  try {
    assert.equal(model.manifest.modalities.t5_caption?.embedding_size, WIDTH);
    const content = range(2).map((row) =>
      Float32Array.from({ length: WIDTH }, (_, i) => Math.sin(row * WIDTH + i)),
    );
    const row = { t5_caption: { content, positions: [0, 1] } };
    const { feeds } = encoderFeeds(model.manifest, [row]);
    return floats(await model.encoder.run(feeds), 'features').data;
  } finally {
    await model.close();
  }
}

test('a bottleneck is two layers in a row, with no activation between them', async () => {
  const first = filled('first', [NARROW, WIDTH]);
  const firstBias = filled('first bias', [NARROW]);
  const second = filled('second', [TINY_DIM, NARROW]);
  const secondBias = filled('second bias', [TINY_DIM]);
  const [a, aBias, b, bBias] = [first, firstBias, second, secondBias].map(values) as [
    Float32Array,
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  const product = range(TINY_DIM).flatMap((o) =>
    range(WIDTH).map((i) =>
      range(NARROW).reduce((sum, k) => sum + b[o * NARROW + k]! * a[k * WIDTH + i]!, 0),
    ),
  );
  const bias = range(TINY_DIM).map((o) =>
    range(NARROW).reduce((sum, k) => sum + b[o * NARROW + k]! * aBias[k]!, bBias[o]!),
  );
  const narrow = await featuresOf(
    'narrow',
    withEmbeddings({
      'emb_proj.0.weight': first,
      'emb_proj.0.bias': firstBias,
      'emb_proj.1.weight': second,
      'emb_proj.1.bias': secondBias,
    }),
  );
  const direct = await featuresOf(
    'direct',
    withEmbeddings({
      'emb_proj.weight': f32([TINY_DIM, WIDTH], product),
      'emb_proj.bias': f32([TINY_DIM], bias),
    }),
  );
  const error = relativeError(narrow, direct);
  assert.ok(error < 1e-5, `error ${error.toExponential(2)} of the scale`);
});

test('a modality embedding may be stored on either side only where the sides share it', async () => {
  const { tensors, metadata } = tinyFm();
  const { 'encoder_embeddings.caption.mod_emb': embedding, ...rest } = tensors;
  const stored = { ...rest, 'decoder_embeddings.caption.mod_emb': embedding! };
  const outputs = [];
  for (const [name, given] of Object.entries({ encoder: tensors, decoder: stored })) {
    const file = join(folder, `${name}.safetensors`);
    await writeTiny(file, { metadata, tensors: given });
    const model = await exportedFm(file);
    const { feeds } = encoderFeeds(model.manifest, [
      { caption: { content: [3, 9, 1], positions: range(3) } },
    ]);
    outputs.push(floats(await model.encoder.run(feeds), 'features').data);
    await model.close();
  }
  assert.deepEqual(outputs[1], outputs[0]);

  const file = join(folder, 'apart.safetensors');
  await writeTiny(file, {
    metadata: { ...metadata, share_modality_embeddings: 'False' },
    tensors: stored,
  });
  await assert.rejects(
    exportCheckpoint(file, join(folder, 'out')),
    (error) =>
      error instanceof ExportError &&
      error.reason === 'missing_tensor' &&
      /encoder_embeddings\.caption\.mod_emb is missing/.test(error.message),
  );
});

test('pixels and rows of a text encoder among the outputs are not predicted', async () => {
  const { tensors, metadata } = tinyFm();
  const file = join(folder, 'tiny.safetensors');
  const domains = "['caption', 'rgb@224', 't5_caption']";
  await writeTiny(file, { tensors, metadata: { ...metadata, domains_out: domains } });
  const manifest = await exportCheckpoint(file, join(folder, 'out'));
  assert.deepEqual(manifest.kind === 'fm' && manifest.config.domains_out, ['caption']);
});
