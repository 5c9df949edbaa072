import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { ExportError, type ExportProblem } from '../../worker/export/errors.ts';
import { exportCheckpoint } from '../../worker/export/exportCheckpoint.ts';
import { exportSet } from '../../worker/export/exportSet.ts';
import { SafetensorsError } from '../../worker/safetensors/header.ts';
import { loadModelSet } from '../../worker/session/loadModels.ts';
import { exportedFm, temporaryFolder } from '../support/exported.ts';
import { decoderFeeds, encoderFeeds, range } from '../support/fmFeeds.ts';
import { plainForward } from '../support/plainTransformer.ts';
import { writeSafetensors } from '../support/safetensors.ts';
import { floats, relativeError } from '../support/shared.ts';
import {
  exportTinySet,
  filled,
  TINY_DIM,
  type TinyCheckpoint,
  tinyFm,
  tinyTokenizer,
  writeTiny,
} from '../support/tinyModel.ts';

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await temporaryFolder();
  file = join(folder, 'tiny.safetensors');
});
afterEach(() => rm(folder, { recursive: true }));

const refuses = (from: string, reason: ExportProblem, message: RegExp) =>
  assert.rejects(exportCheckpoint(from, join(folder, 'out')), (error) => {
    assert.ok(error instanceof ExportError, String(error));
    assert.equal(error.reason, reason);
    return message.test(error.message);
  });

describe('an export', () => {
  test('is a whole folder, with the weights linked and the graphs run', async () => {
    await writeTiny(file, tinyFm());
    const out = join(folder, 'out');
    const manifest = await exportCheckpoint(file, out);
    assert.equal(manifest.id, 'tiny');
    assert.equal(manifest.licence, 'CC0-1.0');
    assert.match(manifest.digest, /^[0-9a-f]{64}$/);
    assert.match(manifest.check.outputs, /^[0-9a-f]{64}$/);
    assert.deepEqual((await readdir(out)).sort(), [
      'decoder.onnx',
      'encoder.onnx',
      'generate.onnx',
      'model.json',
      'weights.safetensors',
    ]);
    assert.equal((await stat(join(out, 'weights.safetensors'))).ino, (await stat(file)).ino);
    assert.deepEqual(JSON.parse(await readFile(join(out, 'model.json'), 'utf8')), manifest);
    await refuses(file, 'output_exists', /out exists already/);
  });

  test('of the same checkpoint has the same digest, of another has not', async () => {
    await writeTiny(file, tinyFm());
    const first = await exportCheckpoint(file, join(folder, 'a'));
    const second = await exportCheckpoint(file, join(folder, 'b'));
    assert.deepEqual([second.digest, second.check.outputs], [first.digest, first.check.outputs]);
    const other = tinyFm();
    other.tensors['encoder_norm.weight'] = filled('other', [TINY_DIM]);
    await rm(file);
    await writeTiny(file, other);
    const third = await exportCheckpoint(file, join(folder, 'c'));
    assert.notEqual(third.digest, first.digest);
    assert.notEqual(third.check.outputs, first.check.outputs);
  });

  test('that fails leaves nothing behind', async () => {
    const { tensors, metadata } = tinyFm();
    delete tensors['encoder.0.mlp.fc2.bias'];
    await writeSafetensors(file, tensors, metadata);
    await refuses(file, 'missing_tensor', /tensor encoder\.0\.mlp\.fc2\.bias is missing/);
    assert.deepEqual(await readdir(folder), ['tiny.safetensors']);
  });

  test('of a set names what the folder lacks', async () => {
    await assert.rejects(exportSet(folder, join(folder, 'out')), /fm\.safetensors is missing/);
    await writeTiny(join(folder, 'fm.safetensors'), tinyTokenizer());
    await writeFile(join(folder, 'tokenizer.json'), '{}');
    await assert.rejects(exportSet(folder, join(folder, 'out')), /not an FM checkpoint/);
    await exportTinySet(join(folder, 'whole'));
    assert.deepEqual((await readdir(join(folder, 'whole'))).sort(), [
      'fm',
      'set.json',
      'tok_vector',
      'tokenizer.json',
    ]);
  });
});

describe('a checkpoint is refused', () => {
  const change = async (checkpoint: TinyCheckpoint, edit: (checkpoint: TinyCheckpoint) => void) => {
    edit(checkpoint);
    await writeTiny(file, checkpoint);
  };

  test('for being a pickle, with the reason', async () => {
    for (const name of ['model.pth', 'pytorch_model.bin', 'model.pt', 'last.ckpt'])
      await refuses(join(folder, name), 'pickle', /run code when they are read/);
  });

  test('for being no checkpoint', async () => {
    await refuses(join(folder, 'model.onnx'), 'not_a_checkpoint', /safetensors file is expected/);
    await writeSafetensors(file, { a: filled('a', [2]) });
    await refuses(file, 'not_a_checkpoint', /neither its metadata nor a config\.json/);
    await writeFile(file, 'no header at all');
    await assert.rejects(exportCheckpoint(file, join(folder, 'out')), SafetensorsError);
  });

  test('for a tensor of another shape', async () => {
    await change(tinyFm(), ({ tensors }) => {
      tensors['encoder.0.attn.qkv.weight'] = filled('x', [TINY_DIM, TINY_DIM]);
    });
    await refuses(
      file,
      'wrong_shape',
      /encoder\.0\.attn\.qkv\.weight is \[8, 8\], \[24, 8\] expected/,
    );
  });

  test('for a tensor that has no place', async () => {
    await change(tinyFm(), ({ tensors }) => {
      tensors['encoder.1.norm1.weight'] = filled('x', [TINY_DIM]);
    });
    await refuses(file, 'unused_tensor', /tensor encoder\.1\.norm1\.weight has no place/);
  });

  test('for a modality that nothing describes', async () => {
    await change(tinyFm(), ({ metadata }) => {
      metadata.domains_in = "['tok_smell@8']";
    });
    await refuses(file, 'config', /modality tok_smell@8: not in the published table/);
  });

  test('for what is not supported, by name', async () => {
    await change(tinyTokenizer(), ({ metadata }) => {
      metadata.undo_std = 'True';
    });
    await refuses(file, 'unsupported', /undo_std/);
    await change(tinyTokenizer(), ({ metadata }) => {
      metadata.enc_type = 'MLP/3';
      metadata.dec_type = 'MLP/3';
    });
    await refuses(file, 'unsupported', /MLP\/3/);
    await change(tinyFm(), ({ metadata }) => {
      metadata.act_layer = 'ReLU';
    });
    await refuses(file, 'config', /config\.act_layer/);
  });
});

test('the config may lie beside the checkpoint, under its own key', async () => {
  const { tensors } = tinyTokenizer();
  await writeSafetensors(file, tensors);
  const config = {
    enc_type: 'BottleneckMLP/B_1-Wi_4',
    dec_type: 'BottleneckMLP/B_1-Wi_4',
    n_channels: 3,
    quant_type: 'memcodes',
    codebook_size: 5,
    num_codebooks: 1, // the weights have two, and they decide
    latent_dim: 6,
  };
  await writeFile(join(folder, 'config.json'), JSON.stringify({ config }));
  const manifest = await exportCheckpoint(file, join(folder, 'out'));
  assert.equal(manifest.kind === 'vqvae' && manifest.config.num_codebooks, 2);
});

test('biases, GELU and shared modality embeddings give what plain loops give', async (t) => {
  const checkpoint = tinyFm();
  await writeTiny(file, checkpoint);
  const model = await exportedFm(file);
  t.after(() => model.close());
  const [ids, targets] = [
    [3, 9, 1, 3],
    [2, 7, 10],
  ] as const;
  const expected = plainForward(
    (name) => new Float32Array(checkpoint.tensors[name]!.data.buffer),
    ids,
    targets,
  );
  const input = encoderFeeds(model.manifest, [{ caption: { content: ids, positions: range(4) } }]);
  const { features, context } = await model.encoder.run(input.feeds);
  const target = { caption: [{ ids: targets, positions: range(3) }] };
  const decoded = await model.decoder.run(
    decoderFeeds(model.manifest, target, context!, input.mask, true),
  );
  const outputs = { features: features!, context: context!, logits: decoded['caption.logits']! };
  for (const name of ['features', 'context', 'logits'] as const) {
    const error = relativeError(floats(outputs, name).data, expected[name].flat());
    assert.ok(error < 1e-5, `${name}: error ${error.toExponential(2)} of the scale`);
  }
});

test('an existing folder of another kind is left alone', async () => {
  await writeTiny(file, tinyFm());
  await mkdir(join(folder, 'out'));
  await writeFile(join(folder, 'out/mine.txt'), 'mine');
  await refuses(file, 'output_exists', /exists already/);
  assert.deepEqual(await readdir(join(folder, 'out')), ['mine.txt']);
});

test('a model with its text tokenizer beside it becomes a set of one', async (t) => {
  await writeTiny(join(folder, 'model.safetensors'), tinyFm());
  await exportCheckpoint(join(folder, 'model.safetensors'), join(folder, 'alone'));
  assert.ok(!existsSync(join(folder, 'alone', 'set.json')));
  await writeFile(join(folder, 'tokenizer.json'), '{}');
  await exportCheckpoint(join(folder, 'model.safetensors'), join(folder, 'set'), { id: 'one' });
  const loaded = await loadModelSet(join(folder, 'set'), { threads: 1 });
  t.after(() => loaded.close());
  assert.equal(loaded.set.id, 'one');
  assert.deepEqual(loaded.tokenizers, {});
  assert.equal(loaded.generate.signature.outputs[0]!.name, 'context');
});
