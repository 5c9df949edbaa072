/** Whatever is wrong with a checkpoint: the error names it, and nothing is left behind. */
import assert from 'node:assert/strict';
import { readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { ExportError, type ExportProblem } from '../../worker/export/errors.ts';
import { exportCheckpoint } from '../../worker/export/exportCheckpoint.ts';
import { SafetensorsError } from '../../worker/safetensors/header.ts';
import { temporaryFolder } from '../support/exported.ts';
import { fileOf } from '../support/fuzz.ts';
import { safetensorsBytes, type TensorToWrite, withHeader } from '../support/safetensors.ts';
import {
  filled,
  TINY_DIM,
  type TinyCheckpoint,
  tinyFm,
  tinyTokenizer,
} from '../support/tinyModel.ts';

let folder: string;
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(() => rm(folder, { recursive: true }));

/** `file` where the file itself is not well-formed. */
type Reason = ExportProblem | 'file';

/** Exports a file of the folder and expects an error that begins with its name, and nothing but the file left. */
async function refuses(name: string, reason: Reason, message: RegExp): Promise<void> {
  const before = await readdir(folder);
  const file = join(folder, name);
  await assert.rejects(exportCheckpoint(file, join(folder, 'new', 'out')), (error) => {
    assert.ok(error instanceof ExportError || error instanceof SafetensorsError, String(error));
    assert.equal(error instanceof ExportError ? error.reason : 'file', reason, error.message);
    assert.ok(error.message.startsWith(`${file}: `), error.message);
    assert.match(error.message, message);
    return true;
  });
  assert.deepEqual(await readdir(folder), before);
}

const bytesOf = ({ tensors, metadata }: TinyCheckpoint) => safetensorsBytes(tensors, metadata);
/** A checkpoint with its parts replaced; undefined takes one away. */
const changed = (
  { tensors, metadata }: TinyCheckpoint,
  parts: {
    tensors?: Record<string, TensorToWrite | undefined>;
    metadata?: Record<string, string | undefined>;
  },
): TinyCheckpoint => {
  const kept = <T>(entries: Record<string, T | undefined>) =>
    Object.fromEntries(
      Object.entries(entries).filter((entry): entry is [string, T] => entry[1] !== undefined),
    );
  return {
    tensors: kept({ ...tensors, ...parts.tensors }),
    metadata: kept({ ...metadata, ...parts.metadata }),
  };
};
const stored = (dtype: string, shape: readonly number[], bytes: number) => ({
  dtype,
  shape,
  data: new Uint8Array(bytes),
});
const fm = bytesOf(tinyFm());
const start = Number(new DataView(fm.buffer).getBigUint64(0, true)) + 8;

const files: Record<string, [Uint8Array, Reason, RegExp]> = {
  'an empty file': [new Uint8Array(), 'file', /shorter than 8 bytes/],
  'a header larger than the bound': [
    fileOf('{}', fm, 100_000_001n),
    'file',
    /100000001 bytes, at most/,
  ],
  'a header larger than any file': [fileOf('{}', fm, 2n ** 64n - 1n), 'file', /at most 100000000/],
  'a header that ends in the data': [
    fileOf('{}', fm.slice(start), 9n),
    'file',
    /header is not JSON/,
  ],
  'a header cut in the middle': [
    fileOf(new TextDecoder().decode(fm.slice(8, start - 9)), fm.slice(start)),
    'file',
    /the header is not JSON/,
  ],
  'a header of something else': [withHeader(['tensors']), 'file', /not a JSON object/],
  'a range outside of the file': [
    withHeader({ t: { dtype: 'F32', shape: [2], data_offsets: [0, 8] } }),
    'file',
    /tensor t: bytes 0 to 8 lie outside the 0 bytes of data/,
  ],
  'bytes after the last tensor': [Buffer.concat([fm, fm]), 'file', /bytes after the last tensor/],
  'a missing tensor': [
    bytesOf(changed(tinyFm(), { tensors: { 'decoder.0.mlp.fc1.weight': undefined } })),
    'missing_tensor',
    /tensor decoder\.0\.mlp\.fc1\.weight is missing/,
  ],
  'an unexpected tensor': [
    bytesOf(changed(tinyFm(), { tensors: { 'encoder.7.norm1.weight': filled('x', [TINY_DIM]) } })),
    'unused_tensor',
    /tensor encoder\.7\.norm1\.weight has no place/,
  ],
  'a tensor of another shape': [
    bytesOf(changed(tinyTokenizer(), { tensors: { 'quantize.codes': filled('x', [2, 5, 4]) } })),
    'wrong_shape',
    /tensor quantize\.codes is \[2, 5, 4\], \[2, 5, 3\] expected/,
  ],
  'a tensor with an axis too many': [
    bytesOf(changed(tinyFm(), { tensors: { 'encoder_norm.weight': filled('x', [1, TINY_DIM]) } })),
    'wrong_shape',
    /tensor encoder_norm\.weight is \[1, 8\], \[8\] expected/,
  ],
  'a type that weights cannot have': [
    bytesOf(changed(tinyFm(), { tensors: { 'encoder_norm.weight': stored('I64', [8], 64) } })),
    'unsupported',
    /tensor encoder_norm\.weight is I64/,
  ],
  'a type that no checkpoint has': [
    bytesOf(changed(tinyFm(), { tensors: { mask_token: stored('F8_E4M3', [1, 1, 8], 8) } })),
    'file',
    /tensor mask_token: unsupported type F8_E4M3/,
  ],
  'a type that does not exist': [
    bytesOf(changed(tinyFm(), { tensors: { mask_token: stored('F33', [1, 1, 8], 33) } })),
    'file',
    /tensor mask_token: unknown type "F33"/,
  ],
  'an unknown activation': [
    bytesOf(changed(tinyFm(), { metadata: { act_layer: 'ReLU' } })),
    'config',
    /config\.act_layer/,
  ],
  'an unknown quantizer': [
    bytesOf(changed(tinyTokenizer(), { metadata: { quant_type: 'fsq' } })),
    'config',
    /config\.quant_type/,
  ],
  'an unknown noise schedule': [
    bytesOf(
      changed(tinyTokenizer(), {
        metadata: { dec_type: 'unet_patched', beta_schedule: 'bogus', quant_type: 'lucid' },
      }),
    ),
    'config',
    /config\.beta_schedule/,
  ],
  'a size that is not a number': [
    bytesOf(changed(tinyFm(), { metadata: { dim: 'wide' } })),
    'config',
    /config\.dim/,
  ],
  'a missing config key': [
    bytesOf(changed(tinyFm(), { metadata: { encoder_depth: undefined } })),
    'config',
    /config\.encoder_depth/,
  ],
  'a config of another kind of model': [
    bytesOf(changed(tinyFm(), { metadata: { domains_in: undefined, domains_out: undefined } })),
    'not_a_checkpoint',
    /4M config/,
  ],
  'a disguised pickle': [
    Buffer.from('PK\x03\x04'.padEnd(2000, '\0')),
    'file',
    /PyTorch pickle.*run code/s,
  ],
  'a Git LFS pointer': [
    Buffer.from('version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 7\n'),
    'file',
    /git lfs pull/,
  ],
};

describe('an export refuses', () => {
  for (const [what, [data, reason, message]] of Object.entries(files))
    test(what, async () => {
      await writeFile(join(folder, 'bad.safetensors'), data);
      await refuses('bad.safetensors', reason, message);
    });

  for (const name of ['4M-21_B.pth', 'pytorch_model.bin', 'model.pt', 'last.ckpt', 'model.pkl'])
    test(`the pickle ${name}, unread`, async () => {
      await writeFile(join(folder, name), fm);
      await refuses(name, 'pickle', /runs? code when .* read.*docs\/models\.md/s);
    });

  test('files cut at any place', async () => {
    const cuts = [1, 7, 8, 9, 100, start - 1, start, start + 1, fm.length - 1];
    for (let i = 1; i < 8; i++) cuts.push(Math.floor((fm.length * i) / 8));
    for (const cut of cuts) {
      await writeFile(join(folder, 'cut.safetensors'), fm.slice(0, cut));
      await refuses('cut.safetensors', 'file', cut < 8 ? /shorter/ : /header of|lie outside/);
    }
  });

  test('shards of which one is missing or does not fit the index', async () => {
    const { tensors, metadata } = tinyFm();
    const names = Object.keys(tensors);
    const shardOf = (name: string) => `part-${names.indexOf(name) % 2}.safetensors`;
    for (const shard of ['part-0.safetensors', 'part-1.safetensors'])
      await writeFile(
        join(folder, shard),
        safetensorsBytes(
          Object.fromEntries(Object.entries(tensors).filter(([name]) => shardOf(name) === shard)),
          metadata,
        ),
      );
    const weightMap = Object.fromEntries(names.map((name) => [name, shardOf(name)]));
    const index = 'm.safetensors.index.json';
    await writeFile(join(folder, index), JSON.stringify({ weight_map: weightMap }));
    // As it should be, first.
    await exportCheckpoint(join(folder, index), join(folder, 'whole'));
    await rename(join(folder, 'part-1.safetensors'), join(folder, 'elsewhere'));
    await refuses(index, 'file', /shard part-1\.safetensors is missing/);
    await writeFile(join(folder, index), JSON.stringify({ weight_map: [] }));
    await refuses(index, 'file', /weight_map is not an object/);
  });
});
