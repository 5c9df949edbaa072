/** Which JSON file beside a checkpoint is taken for its config. */
import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { rawConfig } from '../../worker/export/describe/checkpointConfig.ts';
import { ExportError } from '../../worker/export/errors.ts';
import { openCheckpoint } from '../../worker/safetensors/checkpoint.ts';
import { temporaryFolder } from '../support/exported.ts';
import { f32, writeSafetensors } from '../support/safetensors.ts';

let folder: string;
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(() => rm(folder, { recursive: true }));

const configOf = async (stem: string, metadata: Readonly<Record<string, string>> = {}) => {
  const file = join(folder, `${stem}.safetensors`);
  await writeSafetensors(file, { a: f32([1], [0]) }, metadata);
  const checkpoint = await openCheckpoint(file);
  return rawConfig(checkpoint).finally(() => checkpoint.close());
};
const write = (name: string, value: unknown) =>
  writeFile(join(folder, name), JSON.stringify(value));

test('its own comes before the shared one, and the metadata before both', async () => {
  await write('config.json', { config: { dim: 1 } });
  await write('fm.config.json', { dim: 2 });
  await write('tok_rgb.config.json', { config: { dim: 3 } });
  assert.deepEqual(await configOf('fm'), { dim: 2 });
  assert.deepEqual(await configOf('tok_rgb'), { dim: 3 });
  assert.deepEqual(await configOf('tok_depth'), { dim: 1 });
  assert.deepEqual(await configOf('fm', { encoder_depth: '4' }), { encoder_depth: 4 });
});

test('there may be none, and one that is not JSON is named', async () => {
  assert.deepEqual(await configOf('fm'), {});
  await writeFile(join(folder, 'fm.config.json'), '{');
  await assert.rejects(configOf('fm'), (error) => {
    assert.ok(error instanceof ExportError);
    assert.match(error.message, /fm\.config\.json: cannot be read as a JSON object/);
    return true;
  });
});
