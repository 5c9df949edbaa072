/** Exports variants of the tiny checkpoints in a folder that is made for each test. */
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'node:test';
import type { Manifest } from '../../shared/model/manifest.ts';
import { ExportError, type ExportProblem } from '../../worker/export/errors.ts';
import { type ExportOptions, exportCheckpoint } from '../../worker/export/exportCheckpoint.ts';
import { temporaryFolder } from './exported.ts';
import type { TensorToWrite } from './safetensors.ts';
import {
  filled,
  TINY_DIM,
  TINY_MODALITIES,
  type TinyCheckpoint,
  tinyFm,
  writeTiny,
} from './tinyModel.ts';

/** To be called once in a test file. @returns the folder of the running test */
export function folderOfEachTest(): { path: string } {
  const folder = { path: '' };
  beforeEach(async () => {
    folder.path = await temporaryFolder();
  });
  afterEach(() => rm(folder.path, { recursive: true }));
  return folder;
}

let exports = 0;

/** Writes a checkpoint as `NAME.safetensors` and exports it beside. */
export async function exportTiny(
  folder: string,
  checkpoint: TinyCheckpoint,
  options: ExportOptions = {},
  name = 'tiny',
): Promise<Manifest> {
  const file = join(folder, `${name}.safetensors`);
  await writeTiny(file, checkpoint);
  return await exportCheckpoint(file, join(folder, `out-${exports++}`), options);
}

/** For `assert.rejects`. */
export const exportError = (reason: ExportProblem, message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof ExportError, String(error));
  assert.equal(error.reason, reason, error.message);
  assert.match(error.message, message);
  return true;
};

export const renamed = (
  { tensors, metadata }: TinyCheckpoint,
  rename: (name: string) => string,
): TinyCheckpoint => ({
  metadata,
  tensors: Object.fromEntries(
    Object.entries(tensors).map(([name, tensor]) => [rename(name), tensor]),
  ),
});

export const withTensors = (
  { tensors, metadata }: TinyCheckpoint,
  more: Record<string, TensorToWrite>,
): TinyCheckpoint => ({ metadata, tensors: { ...tensors, ...more } });

export const withMetadata = (
  { tensors, metadata }: TinyCheckpoint,
  more: Record<string, string>,
): TinyCheckpoint => ({ tensors, metadata: { ...metadata, ...more } });

/** A picture modality that the published table does not have, of 2 x 2 tokens. */
export const THERMAL = 'tok_thermal@16';
export const THERMAL_TOKENS = 4;
export const THERMAL_INFO = { type: 'img', vocab_size: 7, input_size: 16, patch_size: 8 } as const;

/** The tiny FM, which predicts that picture as well. */
export function thermalFm(): TinyCheckpoint {
  const at = `decoder_embeddings.${THERMAL}`;
  const shapes = {
    [`${at}.token_emb.weight`]: [7, TINY_DIM],
    [`${at}.pos_emb`]: [1, THERMAL_TOKENS, TINY_DIM],
    [`${at}.mod_emb`]: [1, 1, TINY_DIM],
    [`${at}.to_logits.weight`]: [7, TINY_DIM],
    'decoder_embeddings.caption.mod_emb': [1, 1, TINY_DIM],
  };
  const all = { ...TINY_MODALITIES, [THERMAL]: THERMAL_INFO };
  return withTensors(
    withMetadata(tinyFm(), {
      share_modality_embeddings: 'False',
      domains_out: `['caption', '${THERMAL}']`,
      modality_info: JSON.stringify(all),
    }),
    Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, filled(name, shape)])),
  );
}
