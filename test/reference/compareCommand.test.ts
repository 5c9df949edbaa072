/** `npm run compare` as a user runs it: what it prints, and how it ends. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openCheckpoint } from '../../worker/safetensors/checkpoint.ts';
import { exportCase, OWN_CASES } from '../support/cases.ts';
import { temporaryFolder } from '../support/exported.ts';
import { type TensorToWrite, writeSafetensors } from '../support/safetensors.ts';
import { sharedPath, skipWithout } from '../support/shared.ts';

const CLI = fileURLToPath(new URL('../../worker/compare/cli.js', import.meta.url));

let temporary: string;
before(async () => {
  temporary = await temporaryFolder();
});
after(() => rm(temporary, { recursive: true }));

const run = (...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> =>
  new Promise((resolve) => {
    execFile(process.execPath, [CLI, ...args], (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr });
    });
  });

/** A copy of a case with one number of a tensor changed. */
async function changedCase(folder: string, file: string, name: string, by: number) {
  const copy = join(temporary, `changed-${name}`);
  await cp(folder, copy, { recursive: true });
  const source = await openCheckpoint(join(folder, file));
  const tensors: Record<string, TensorToWrite> = {};
  for (const tensor of source.tensors.values()) {
    const data = (await source.read(tensor.name)).slice();
    if (tensor.name === name) {
      const view = new DataView(data.buffer);
      if (tensor.type === 'I64') view.setBigInt64(0, view.getBigInt64(0, true) + BigInt(by), true);
      else view.setFloat32(0, view.getFloat32(0, true) + by, true);
    }
    tensors[tensor.name] = { dtype: tensor.type, shape: tensor.shape, data };
  }
  await source.close();
  await writeSafetensors(join(copy, file), tensors);
  return copy;
}

describe('the command', () => {
  const folder = join(OWN_CASES, 'vqvae_global_mlp');
  let out: string;
  before(async () => {
    out = join(temporary, 'vectors');
    await exportCase(folder, out);
  });

  test('prints every output and ends well where all are right', async () => {
    const { code, stdout } = await run(out, folder);
    assert.equal(code, 0);
    assert.match(stdout, /b3\.tokens +0 differ +ok +\(of 12 ids\)/);
    assert.match(stdout, /b3\.decoded +error \S+ +tolerance 0\.0001 +ok/);
    assert.match(stdout, /not an output of the graphs: .*b3\.latent/);
    assert.match(stdout, /none fails/);
  });

  test('ends with 1 where a value is off by more than the tolerance', async () => {
    const { code, stdout } = await run(
      out,
      await changedCase(folder, 'io.safetensors', 'b3.decoded', 0.01),
    );
    assert.equal(code, 1);
    assert.match(stdout, /b3\.decoded +error \S+ +tolerance 0\.0001 +FAILS/);
    assert.match(stdout, /b3\.tokens .* ok/);
  });

  test('ends with 1 where a token id is another', async () => {
    const { code, stdout } = await run(
      out,
      await changedCase(folder, 'io.safetensors', 'b3.tokens', 1),
    );
    assert.equal(code, 1);
    assert.match(stdout, /b3\.tokens +1 differ +FAILS +\(of 12 ids\)/);
  });

  test('ends with 2 and a reason where there is nothing to compare', async () => {
    const empty = join(temporary, 'empty');
    await cp(join(folder, 'config.json'), join(empty, 'config.json'));
    const set = join(temporary, 'set');
    await cp(join(folder, 'config.json'), join(set, 'set.json'));
    const calls: [string[], RegExp][] = [
      [[], /usage: npm run compare -- OUT CASE_DIR/],
      [[out], /usage:/],
      [[out, folder, 'more'], /usage:/],
      [[out, join(temporary, 'nowhere')], /nowhere: is not a folder that can be read/],
      [[out, empty], /empty: holds no case/],
      [[empty, folder], /empty: is not an exported folder \(it has no model\.json\)/],
      [[set, folder], /set: is a set of models; name one of the folders in it/],
    ];
    for (const [args, reason] of calls) {
      const { code, stderr, stdout } = await run(...args);
      assert.equal(code, 2, `${args.join(' ')}: ${stdout}${stderr}`);
      assert.match(stderr, reason);
    }
  });

  test('ends with 2 for a case of another kind of model', {
    skip: skipWithout('reference', 'fm_swiglu_qknorm_nobias'),
  }, async () => {
    const { code, stderr } = await run(out, sharedPath('reference', 'fm_swiglu_qknorm_nobias'));
    assert.equal(code, 2);
    assert.match(stderr, /holds no outputs of a model of kind vqvae/);
  });

  test('names the file where a case is cut short', async () => {
    const cut = join(temporary, 'cut');
    await cp(folder, cut, { recursive: true });
    await writeFile(join(cut, 'io.safetensors'), 'short');
    const { code, stderr } = await run(out, cut);
    assert.equal(code, 2);
    assert.match(stderr, /cut\/io\.safetensors: shorter than 8 bytes/);
  });
});
