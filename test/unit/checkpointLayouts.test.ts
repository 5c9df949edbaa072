/** Where checkpoints lie: caches of the hub with their links, folders, and the ids that follow from them. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { lstat, mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Manifest } from '../../shared/model/manifest.ts';
import { findCheckpoint } from '../../worker/export/checkpointFolder.ts';
import { ExportError } from '../../worker/export/errors.ts';
import { exportCheckpoint } from '../../worker/export/exportCheckpoint.ts';
import { exportSet } from '../../worker/export/exportSet.ts';
import { SafetensorsError } from '../../worker/safetensors/errors.ts';
import { loadModelSet } from '../../worker/session/loadModels.ts';
import { temporaryFolder } from '../support/exported.ts';
import { safetensorsBytes } from '../support/safetensors.ts';
import { type TinyCheckpoint, tinyFm, tinyTokenizer, writeTiny } from '../support/tinyModel.ts';

let folder: string;
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(() => rm(folder, { recursive: true }));

const cli = fileURLToPath(new URL('../../worker/export/cli.js', import.meta.url));
const command = (...args: readonly string[]) =>
  new Promise<{ code: unknown; stdout: string; stderr: string }>((resolve) => {
    execFile(process.execPath, [cli, ...args], (error, stdout, stderr) => {
      resolve({ code: error ? error.code : 0, stdout, stderr });
    });
  });

/** Moves a file into `blobs` beside the given folder and puts a link in its place, as the hub's cache has it. */
async function intoBlobs(file: string, kind: 'relative' | 'absolute'): Promise<void> {
  const blobs = join(folder, 'cache', 'blobs');
  await mkdir(blobs, { recursive: true });
  const blob = join(blobs, `blob-of-${file.split('/').at(-1)}`);
  await rename(file, blob);
  await symlink(kind === 'absolute' ? blob : relative(join(file, '..'), blob), file);
}

/** Writes a checkpoint as two shards and an index. @returns the names of the files */
async function writeShards(at: string, { tensors, metadata }: TinyCheckpoint): Promise<string[]> {
  const names = Object.keys(tensors);
  const shardOf = (name: string) =>
    `model-0000${1 + (names.indexOf(name) % 2)}-of-00002.safetensors`;
  const shards = [...new Set(names.map(shardOf))];
  for (const shard of shards) {
    const own = Object.entries(tensors).filter(([name]) => shardOf(name) === shard);
    await writeFile(join(at, shard), safetensorsBytes(Object.fromEntries(own), metadata));
  }
  const index = 'model.safetensors.index.json';
  const weight_map = Object.fromEntries(names.map((name) => [name, shardOf(name)]));
  await writeFile(join(at, index), JSON.stringify({ weight_map }));
  return [...shards, index];
}

const withoutTimes = ({ id, check, ...rest }: Manifest) => ({ ...rest, outputs: check.outputs });

describe("files that are links into the hub's cache export as the files themselves", () => {
  const cases = [
    ['relative', 'an FM', 'fp32'],
    ['relative', 'an FM', 'fp16'],
    ['relative', 'an FM', 'int8'],
    ['relative', 'an FM', 'int4'],
    ['absolute', 'an FM', 'fp32'],
    ['relative', 'a tokenizer', 'int8'],
    ['absolute', 'a tokenizer', 'fp32'],
  ] as const;
  for (const [kind, what, precision] of cases)
    test(`${kind} links, ${what}, ${precision}, whole and sharded`, async () => {
      const checkpoint = what === 'an FM' ? tinyFm() : tinyTokenizer();
      const revision = join(folder, 'cache', 'snapshots', 'rev');
      await mkdir(revision, { recursive: true });
      await writeTiny(join(folder, 'plain.safetensors'), checkpoint);
      await writeTiny(join(revision, 'one.safetensors'), checkpoint);
      await intoBlobs(join(revision, 'one.safetensors'), kind);
      for (const name of await writeShards(revision, checkpoint))
        await intoBlobs(join(revision, name), kind);

      const options = { precision } as const;
      const plain = await exportCheckpoint(
        join(folder, 'plain.safetensors'),
        join(folder, 'a'),
        options,
      );
      const linked = await exportCheckpoint(
        join(revision, 'one.safetensors'),
        join(folder, 'b'),
        options,
      );
      assert.deepEqual(withoutTimes(linked), withoutTimes(plain));
      for (const weights of linked.weights) {
        const stat = await lstat(join(folder, 'b', weights));
        assert.ok(stat.isFile(), `${weights} is a file of its own`);
      }
      const sharded = await exportCheckpoint(
        join(revision, 'model.safetensors.index.json'),
        join(folder, 'c'),
        options,
      );
      assert.equal(sharded.check.outputs, plain.check.outputs);
      assert.equal(sharded.weights.length, precision === 'fp32' ? 2 : 1);
    });

  test('a set of links, which then loads without the cache', async () => {
    const source = join(folder, 'set');
    await mkdir(source);
    await writeTiny(join(source, 'fm.safetensors'), tinyFm());
    await writeTiny(join(source, 'tok_vector.safetensors'), tinyTokenizer());
    await writeFile(join(source, 'tokenizer.json'), '{}');
    for (const name of ['fm.safetensors', 'tok_vector.safetensors', 'tokenizer.json'])
      await intoBlobs(join(source, name), 'relative');
    await exportSet(source, join(folder, 'out'));
    await rm(join(folder, 'cache'), { recursive: true });
    const loaded = await loadModelSet(join(folder, 'out'), { threads: 1 });
    await loaded.close();
    assert.deepEqual(Object.keys(loaded.tokenizers), ['tok_vector']);
  });

  test('a link to nothing is called that, whichever file it stands for', async () => {
    const says = (file: string) => (error: unknown) => {
      assert.ok(error instanceof ExportError || error instanceof SafetensorsError, String(error));
      assert.ok(error.message.startsWith(`${join(folder, file)}: a link to ../blobs/gone`));
      return true;
    };
    await symlink('../blobs/gone', join(folder, 'model.safetensors'));
    await assert.rejects(
      exportCheckpoint(join(folder, 'model.safetensors'), join(folder, 'out')),
      says('model.safetensors'),
    );
    await rm(join(folder, 'model.safetensors'));
    const { tensors } = tinyFm();
    await writeTiny(join(folder, 'model.safetensors'), { tensors, metadata: {} });
    await symlink('../blobs/gone', join(folder, 'config.json'));
    await assert.rejects(
      exportCheckpoint(join(folder, 'model.safetensors'), join(folder, 'out')),
      says('config.json'),
    );
    await symlink('../blobs/gone', join(folder, 'tokenizer.json'));
    await rm(join(folder, 'config.json'));
    await writeTiny(join(folder, 'tiny.safetensors'), tinyFm());
    await assert.rejects(
      exportCheckpoint(join(folder, 'tiny.safetensors'), join(folder, 'out')),
      says('tokenizer.json'),
    );
    await symlink('../blobs/gone', join(folder, 'folder'));
    await assert.rejects(findCheckpoint(join(folder, 'folder')), says('folder'));
  });
});

describe('a folder', () => {
  const place = async (...path: string[]): Promise<string> => {
    const at = join(folder, ...path);
    await mkdir(at, { recursive: true });
    return at;
  };
  const touch = async (at: string, ...names: string[]) => {
    for (const name of names) await writeFile(join(at, name), 'x');
  };
  const found = async (at: string) => {
    const { id, ...rest } = await findCheckpoint(at);
    return [relative(folder, 'file' in rest ? rest.file : rest.folder), id];
  };

  test('of the cache means what refs/main names, else the only snapshot', async () => {
    const cache = await place('models--EPFL-VILAB--4M-21_B');
    const old = await place('models--EPFL-VILAB--4M-21_B', 'snapshots', 'aaaa');
    await touch(old, 'model.safetensors');
    const id = '4M-21_B';
    const at = (revision: string) =>
      `models--EPFL-VILAB--4M-21_B/snapshots/${revision}/model.safetensors`;
    assert.deepEqual(await found(cache), [at('aaaa'), id]);
    const recent = await place('models--EPFL-VILAB--4M-21_B', 'snapshots', 'bbbb');
    await touch(recent, 'model.safetensors');
    await assert.rejects(findCheckpoint(cache), /holds the revisions aaaa, bbbb, and refs\/main/);
    await place('models--EPFL-VILAB--4M-21_B', 'refs');
    await writeFile(join(cache, 'refs', 'main'), 'bbbb\n');
    assert.deepEqual(await found(cache), [at('bbbb'), id]);
    assert.deepEqual(await found(old), [at('aaaa'), id], 'a revision by its own folder');
    assert.deepEqual(await found(join(folder, at('aaaa'))), [at('aaaa'), id], 'or by its file');
    await symlink(recent, join(folder, 'mine'));
    assert.deepEqual(await found(join(folder, 'mine')), ['mine/model.safetensors', 'mine']);
  });

  test('gives its name to the model, so that two of them differ', async () => {
    const names = ['4M-21_B', '4M-7_B_CC12M'];
    for (const name of names)
      await touch(await place('EPFL-VILAB', name), 'model.safetensors', 'config.json');
    assert.deepEqual(
      await Promise.all(
        names.map(async (name) => (await found(join(folder, 'EPFL-VILAB', name)))[1]),
      ),
      names,
    );
    const file = join(folder, 'EPFL-VILAB', '4M-21_B', 'model.safetensors');
    assert.deepEqual((await found(file))[1], '4M-21_B');
    await touch(folder, 'features.safetensors');
    assert.deepEqual((await found(join(folder, 'features.safetensors')))[1], 'features');
  });

  test('may hold its one checkpoint under any name', async () => {
    await touch(folder, 'fourm-base.safetensors', 'config.json', 'README.md');
    assert.equal((await found(folder))[0], 'fourm-base.safetensors');
    await touch(folder, 'other.safetensors');
    await assert.rejects(
      findCheckpoint(folder),
      /holds fourm-base\.safetensors, other\.safetensors; give the one that is meant/,
    );
    await touch(folder, 'model.safetensors');
    assert.equal((await found(folder))[0], 'model.safetensors');
  });

  test('with shards is told by their index, with fm.safetensors it is a set', async () => {
    await writeShards(folder, tinyFm());
    assert.equal((await found(folder))[0], 'model.safetensors.index.json');
    await touch(folder, 'fm.safetensors');
    assert.deepEqual(await findCheckpoint(folder), {
      kind: 'set',
      folder,
      id: folder.split('/').at(-1),
    });
  });

  test('with nothing but a pickle names it, and one without anything says so', async () => {
    await assert.rejects(findCheckpoint(folder), /holds no \.safetensors file/);
    await touch(folder, 'config.json', 'pytorch_model.bin');
    await assert.rejects(findCheckpoint(folder), (error) => {
      assert.ok(error instanceof ExportError && error.reason === 'pickle');
      assert.ok(error.message.startsWith(`${join(folder, 'pytorch_model.bin')}: a PyTorch pickle`));
      return true;
    });
    await assert.rejects(findCheckpoint(join(folder, 'none')), /there is no such file or folder/);
  });

  test('is exported by the command under its own name, with the published text tokenizer', async () => {
    const at = await place('models--EPFL-VILAB--4M-21_B', 'snapshots', 'rev');
    await writeTiny(join(at, 'weights-of-it.safetensors'), tinyFm());
    await writeFile(join(at, 'text_tokenizer_4m_wordpiece_30k.json'), '{"a": 1}');
    await intoBlobs(join(at, 'weights-of-it.safetensors'), 'relative');
    const out = join(folder, 'out');
    const { code, stderr } = await command(at, out);
    assert.equal(code, 0, stderr);
    const set = JSON.parse(await readFile(join(out, 'set.json'), 'utf8'));
    assert.deepEqual([set.id, set.text_tokenizer], ['4M-21_B', 'tokenizer.json']);
    assert.equal(await readFile(join(out, 'tokenizer.json'), 'utf8'), '{"a": 1}');
  });
});

test('a set finds the text tokenizer by its published name, and asks where there are two', async () => {
  const source = join(folder, 'source');
  await mkdir(source);
  await writeTiny(join(source, 'fm.safetensors'), tinyFm());
  await assert.rejects(exportSet(source, join(folder, 'a')), /tokenizer\.json is missing/);
  await writeFile(join(source, 'text_tokenizer_4m_wordpiece_30k.json'), '{"a": 1}');
  await exportSet(source, join(folder, 'a'));
  assert.equal(await readFile(join(folder, 'a', 'tokenizer.json'), 'utf8'), '{"a": 1}');
  await writeFile(join(source, 'text_tokenizer_other.json'), '{"b": 1}');
  await assert.rejects(
    exportSet(source, join(folder, 'b')),
    /holds text_tokenizer_4m_wordpiece_30k\.json, text_tokenizer_other\.json; rename/,
  );
});
