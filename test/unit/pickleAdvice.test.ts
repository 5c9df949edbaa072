/** The advice for pickles, followed literally where this machine has Python with PyTorch. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { ExportError } from '../../worker/export/errors.ts';
import { exportCheckpoint } from '../../worker/export/exportCheckpoint.ts';
import { exportTiny, folderOfEachTest } from '../support/exportTiny.ts';
import { tinyFm } from '../support/tinyModel.ts';

const folder = folderOfEachTest();

/** The lines of the message that are for a shell. */
async function adviceFor(file: string): Promise<string> {
  const error: unknown = await exportCheckpoint(file, join(folder.path, 'out')).catch(
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof ExportError && error.reason === 'pickle', String(error));
  const lines = /^python3 -m pip [\s\S]*^END$/m.exec(error.message)?.[0];
  assert.ok(lines, error.message);
  return lines;
}

test('it reads the arguments that a trainer stores beside the weights', async () => {
  const file = join(folder.path, 'checkpoint-final.pth');
  await writeFile(file, 'PK');
  const advice = await adviceFor(file);
  assert.match(advice, /safe_globals\(\[argparse\.Namespace\]\)/);
  assert.ok(advice.includes(`torch.load("${file}", map_location="cpu", weights_only=True)`));
  assert.ok(advice.includes(join(folder.path, 'checkpoint-final-converted.safetensors')));
});

const hasTorch = spawnSync('python3', ['-c', 'import torch, safetensors.torch']).status === 0;

test('a checkpoint in the form of the trainer exports after it', {
  skip: hasTorch ? false : 'python3 with torch and safetensors is not here',
}, async () => {
  const plain = await exportTiny(folder.path, tinyFm());
  const file = join(folder.path, 'checkpoint-final.pth');
  const save = `import argparse, sys, torch, safetensors.torch as st
weights = {"module." + name: value for name, value in st.load_file(sys.argv[1]).items()}
saved = {"model": weights, "epoch": 9, "args": argparse.Namespace(model="fm", lr=1e-4)}
torch.save(saved, sys.argv[2])`;
  execFileSync('python3', ['-c', save, join(folder.path, 'tiny.safetensors'), file]);
  // What it installs is here already.
  const advice = (await adviceFor(file)).replace(/^.*pip install.*\n/, '');
  execFileSync('bash', ['-e', '-c', advice], { stdio: ['ignore', 'pipe', 'inherit'] });
  await writeFile(
    join(folder.path, 'config.json'),
    JSON.stringify(plain.kind === 'fm' && { ...plain.config, modality_info: plain.modalities }),
  );
  const converted = join(folder.path, 'checkpoint-final-converted.safetensors');
  const { check } = await exportCheckpoint(converted, join(folder.path, 'out'));
  assert.equal(check.outputs, plain.check.outputs);
});
