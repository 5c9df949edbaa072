/** Backbones: which checkpoints are one, what their head may be, and the mean over their tokens. */
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type FmVitManifest, fmVitManifestSchema } from '../../shared/model/manifest.ts';
import { encoderFeeds, type Row, range } from '../../worker/compare/fmFeeds.ts';
import { floats, rowOf, type Tensors } from '../../worker/compare/tensors.ts';
import { ExportError, type ExportProblem } from '../../worker/export/errors.ts';
import { type ExportOptions, exportCheckpoint } from '../../worker/export/exportCheckpoint.ts';
import { type LoadedModel, loadModel } from '../../worker/session/loadModels.ts';
import { type Runtime, startRuntime } from '../../worker/session/runtime.ts';
import { temporaryFolder } from '../support/exported.ts';
import { writeSafetensors } from '../support/safetensors.ts';
import { relativeError } from '../support/shared.ts';
import {
  filled,
  TINY_DIM,
  type TinyCheckpoint,
  tinyFm,
  tinyTokenizer,
  writeTiny,
} from '../support/tinyModel.ts';

const CLASSES = 3;
const head = {
  'output_head.1.weight': filled('head norm', [TINY_DIM]),
  'output_head.1.bias': filled('head norm bias', [TINY_DIM]),
  'output_head.2.weight': filled('head', [CLASSES, TINY_DIM]),
  'output_head.2.bias': filled('head bias', [CLASSES]),
};

/** The encoder's half of the tiny FM, as a backbone is saved by itself. */
function tinyBackbone(): TinyCheckpoint {
  const { tensors, metadata } = tinyFm();
  const isEncoder = ([name]: [string, unknown]) => name.startsWith('encoder');
  return { metadata, tensors: Object.fromEntries(Object.entries(tensors).filter(isEncoder)) };
}

let folder: string;
let runtime: Runtime;
before(async () => {
  folder = await temporaryFolder();
  runtime = startRuntime({ threads: 1 });
});
after(async () => {
  await runtime.close();
  await rm(folder, { recursive: true });
});

let count = 0;
async function written(checkpoint: TinyCheckpoint): Promise<string> {
  const file = join(folder, `model${count++}.safetensors`);
  await writeTiny(file, checkpoint);
  return file;
}

async function exported(file: string, options: ExportOptions = {}) {
  const out = `out${count++}`;
  await exportCheckpoint(file, join(folder, out), options);
  return loadModel<FmVitManifest>(runtime, folder, out, fmVitManifestSchema);
}

const refuses = async (
  file: string,
  options: ExportOptions,
  reason: ExportProblem,
  message: RegExp,
) =>
  assert.rejects(exportCheckpoint(file, join(folder, `out${count++}`), options), (error) => {
    assert.ok(error instanceof ExportError, String(error));
    assert.equal(error.reason, reason, error.message);
    assert.match(error.message, message);
    return true;
  });

const caption = (...ids: number[]): Row => ({
  caption: { content: ids, positions: range(ids.length) },
});

const encode = async ({ graphs, manifest }: LoadedModel<FmVitManifest>, rows: readonly Row[]) => {
  const { feeds, length } = encoderFeeds(manifest, rows);
  const outputs: Tensors = await graphs.encoder.run(feeds);
  return { outputs, length };
};

const close = (actual: ArrayLike<number>, expected: ArrayLike<number>, what: string) => {
  const error = relativeError(actual, expected);
  assert.ok(error <= 1e-5, `${what}: error ${error.toExponential(2)} of the scale`);
};

/** Mean, LayerNorm with epsilon 1e-5, Linear: as PyTorch's own layers do it. */
function plainLogits(pooled: Float32Array): number[] {
  const table = (name: keyof typeof head) => new Float32Array(head[name].data.buffer);
  const mean = pooled.reduce((sum, x) => sum + x, 0) / TINY_DIM;
  const variance = pooled.reduce((sum, x) => sum + (x - mean) ** 2, 0) / TINY_DIM;
  const normed = Array.from(
    pooled,
    (x, i) =>
      ((x - mean) / Math.sqrt(variance + 1e-5)) * table('output_head.1.weight')[i]! +
      table('output_head.1.bias')[i]!,
  );
  return range(CLASSES).map((k) =>
    normed.reduce(
      (sum, x, i) => sum + x * table('output_head.2.weight')[k * TINY_DIM + i]!,
      table('output_head.2.bias')[k]!,
    ),
  );
}

describe('a backbone', () => {
  test('is an FM without its decoder, and has the features of the whole', async () => {
    const file = await written(tinyFm());
    const model = await exported(file, { backbone: true });
    assert.equal(model.manifest.config.classes, null);
    assert.deepEqual(model.manifest.config.domains_in, ['caption']);
    const saved = await exported(await written(tinyBackbone()));
    const rows = [caption(3, 9, 1)];
    const [whole, alone] = [await encode(model, rows), await encode(saved, rows)];
    assert.deepEqual(alone.outputs.features, whole.outputs.features);
    assert.equal(whole.outputs.logits, undefined);
  });

  test('averages what is not padding', async () => {
    const model = await exported(await written(tinyFm()), { backbone: true });
    const rows = [caption(3, 9, 1, 4), caption(2), {}];
    const { outputs, length } = await encode(model, rows);
    const features = floats(outputs, 'features');
    const pooled = floats(outputs, 'pooled');
    for (const [row, valid] of [4, 1].entries()) {
      const mean = range(TINY_DIM).map(
        (i) =>
          range(valid).reduce((sum, k) => sum + rowOf(features, row * length + k)[i]!, 0) / valid,
      );
      close(rowOf(pooled, row), mean, `row ${row}`);
    }
    assert.deepEqual(
      [...rowOf(pooled, 2)],
      Array.from({ length: TINY_DIM }, () => 0),
    );
  });

  test('averages its tokens and not its registers', async () => {
    const { tensors, metadata } = tinyFm();
    const model = await exported(
      await written({
        tensors: { ...tensors, register_tokens: filled('registers', [1, 2, TINY_DIM]) },
        metadata: { ...metadata, num_register_tokens: '2' },
      }),
      { backbone: true },
    );
    const { outputs } = await encode(model, [caption(3)]);
    const features = floats(outputs, 'features');
    assert.deepEqual(features.dims, [1, 3, TINY_DIM]);
    close(floats(outputs, 'pooled').data, rowOf(features, 2), 'the only token');
    const { outputs: none } = await encode(model, [{}]);
    assert.deepEqual(none.features!.dims, [1, 2, TINY_DIM]);
  });

  test('has the classes of its head, from its own file or from another', async () => {
    const { tensors, metadata } = tinyBackbone();
    const own = await exported(await written({ metadata, tensors: { ...tensors, ...head } }));
    const headFile = join(folder, 'head.safetensors');
    await writeSafetensors(headFile, head);
    const other = await exported(await written(tinyFm()), { head: headFile });
    for (const model of [own, other]) {
      assert.equal(model.manifest.config.classes, CLASSES);
      const { outputs } = await encode(model, [caption(3, 9, 1), caption(5)]);
      const pooled = floats(outputs, 'pooled');
      const logits = floats(outputs, 'logits');
      for (const row of [0, 1])
        close(rowOf(logits, row), plainLogits(rowOf(pooled, row)), 'logits');
    }
  });
});

describe('a backbone is refused', () => {
  const withHead = async (tensors: Parameters<typeof writeSafetensors>[1]) => {
    const file = join(folder, `head${count++}.safetensors`);
    await writeSafetensors(file, tensors);
    return { head: file };
  };

  test('for a head that its tensors do not tell for certain', async () => {
    const file = await written(tinyFm());
    const weight = filled('x', [CLASSES, TINY_DIM]);
    await refuses(
      file,
      await withHead({ 'output_head.weight': weight }),
      'unsupported',
      /head\d+\.safetensors: tensor output_head\.weight: a head is the mean over tokens/,
    );
    const { 'output_head.2.weight': _, ...rest } = head;
    await refuses(
      file,
      await withHead(rest),
      'missing_tensor',
      /output_head\.2\.weight is missing/,
    );
    await refuses(
      file,
      await withHead({ classifier: weight }),
      'missing_tensor',
      /output_head\.1\.weight is missing/,
    );
    await refuses(
      file,
      await withHead({ ...head, 'output_head.1.weight': weight }),
      'wrong_shape',
      /output_head\.1\.weight is \[3, 8\], \[8\] expected/,
    );
  });

  test('for a tensor that has no place', async () => {
    const { tensors, metadata } = tinyBackbone();
    await refuses(
      await written({
        metadata,
        tensors: { ...tensors, 'encoder.1.norm1.weight': filled('x', [8]) },
      }),
      {},
      'unused_tensor',
      /tensor encoder\.1\.norm1\.weight has no place/,
    );
    await refuses(
      await written(tinyFm()),
      await withHead({ ...head, extra: filled('x', [2]) }),
      'unused_tensor',
      /head\d+\.safetensors: tensor extra has no place/,
    );
  });

  test('for being a tokenizer, or having no modality', async () => {
    const tokenizer = await written(tinyTokenizer());
    await refuses(tokenizer, { backbone: true }, 'unsupported', /a tokenizer is no backbone/);
    const { tensors, metadata } = tinyBackbone();
    const blocks = Object.fromEntries(
      Object.entries(tensors).filter(([name]) => !name.startsWith('encoder_embeddings')),
    );
    await refuses(await written({ metadata, tensors: blocks }), {}, 'config', /domains_in/);
  });
});
