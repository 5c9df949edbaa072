/** Exports that end early, as a command and on a full disk: one message, exit code 1, nothing left behind. */
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { readdirSync, symlinkSync } from 'node:fs';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ExportError } from '../../worker/export/errors.ts';
import { exportCheckpoint } from '../../worker/export/exportCheckpoint.ts';
import { temporaryFolder } from '../support/exported.ts';
import { safetensorsBytes } from '../support/safetensors.ts';
import { tinyFm } from '../support/tinyModel.ts';

let folder: string;
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(() => rm(folder, { recursive: true }));

const { tensors, metadata } = tinyFm();
const fm = safetensorsBytes(tensors, metadata);
const cli = fileURLToPath(new URL('../../worker/export/cli.js', import.meta.url));

function run(command: string, args: readonly string[]) {
  return new Promise<{ code: unknown; stdout: string; stderr: string }>((resolve) => {
    execFile(command, args, (error, stdout, stderr) => {
      resolve({ code: error ? error.code : 0, stdout, stderr });
    });
  });
}

describe('the command', () => {
  const exporting = (name: string) => [cli, join(folder, name), join(folder, 'out')];

  test('ends with 1 and one message where the checkpoint is bad', async () => {
    await writeFile(join(folder, 'bad.safetensors'), fm.slice(0, -5));
    const { code, stdout, stderr } = await run(process.execPath, exporting('bad.safetensors'));
    assert.deepEqual([code, stdout], [1, '']);
    assert.match(stderr, /^export: \S+bad\.safetensors: tensor \S+: bytes \d+ to \d+ lie outside/);
    assert.doesNotMatch(stderr, /\n +at /, 'no stack');
    assert.deepEqual(await readdir(folder), ['bad.safetensors']);
  });

  test('names the graphs of both forms', async () => {
    await writeFile(join(folder, 'tiny.safetensors'), fm);
    const args = [...exporting('tiny.safetensors'), '--precision', 'int8'];
    const { code, stdout, stderr } = await run(process.execPath, args);
    assert.equal(code, 0, stderr);
    const written = (await readdir(join(folder, 'out'))).filter((name) => name.endsWith('.onnx'));
    assert.ok(written.includes('generate.unsigned.onnx'));
    for (const name of written) assert.ok(stdout.includes(`${name} `), name);
  });

  test('leaves an output folder that exists alone', async () => {
    await writeFile(join(folder, 'tiny.safetensors'), fm);
    await mkdir(join(folder, 'out'));
    const { code, stderr } = await run(process.execPath, exporting('tiny.safetensors'));
    assert.equal(code, 1);
    assert.match(stderr, /^export: \S+out exists already/);
    assert.deepEqual(await readdir(folder), ['out', 'tiny.safetensors']);
    assert.deepEqual(await readdir(join(folder, 'out')), []);
  });

  test('says so where a file may not grow', async () => {
    await writeFile(join(folder, 'tiny.safetensors'), fm);
    const args = ['-c', 'ulimit -f 1 && exec "$@"', 'sh', process.execPath];
    const { code, stderr } = await run('sh', [...args, ...exporting('tiny.safetensors')]);
    assert.equal(code, 1, stderr);
    assert.match(stderr, /^export: \S+out: cannot be written: .*ulimit -f.*EFBIG/);
    assert.deepEqual(await readdir(folder), ['tiny.safetensors']);
  });
});

describe('a full disk', () => {
  test('ends an export, which leaves nothing', async () => {
    await writeFile(join(folder, 'tiny.safetensors'), fm);
    const out = join(folder, 'new', 'out');
    // The graph is made to lie on the kernel's full device, which takes no byte of it.
    const fill = () => {
      const partial = readdirSync(join(folder, 'new'))[0]!;
      symlinkSync('/dev/full', join(folder, 'new', partial, 'encoder.onnx'));
    };
    let asked = 0;
    const exporting = exportCheckpoint(join(folder, 'tiny.safetensors'), out, {
      onProgress: () => {
        if (asked++ === 0) fill();
      },
    });
    await assert.rejects(exporting, (error) => {
      assert.ok(error instanceof ExportError && error.reason === 'disk_full', String(error));
      return error.message.startsWith(`${out}: cannot be written: no space left`);
    });
    assert.deepEqual(await readdir(folder), ['tiny.safetensors']);
  });

  test('of its own, where this machine lets one be mounted, ends the command', async (t) => {
    await writeFile(join(folder, 'tiny.safetensors'), fm);
    const disk = join(folder, 'disk');
    await mkdir(disk);
    const mount = 'mount -t tmpfs -o size=12k none "$0"';
    const isolated = [['-m'], ['-rm']].find(
      (flags) => spawnSync('unshare', [...flags, 'sh', '-c', mount, disk]).status === 0,
    );
    if (!isolated) {
      t.diagnostic('no disk can be mounted here; the full device above stands for it');
      return;
    }
    // What is left on the disk is listed before it goes away with the command.
    const script = `${mount}; "$@"; code=$?; ls -A "$0"; exit $code`;
    const exporting = [process.execPath, cli, join(folder, 'tiny.safetensors'), join(disk, 'out')];
    const { code, stdout, stderr } = await run('unshare', [
      ...isolated,
      'sh',
      '-c',
      script,
      disk,
      ...exporting,
    ]);
    assert.deepEqual([code, stdout], [1, ''], stderr);
    assert.match(
      stderr,
      new RegExp(
        `^export: \\S+/out/weights\\.safetensors: ${fm.length.toLocaleString('en')} bytes .* 12,288 are free`,
      ),
    );
    assert.deepEqual(await readdir(disk), []);
  });
});
