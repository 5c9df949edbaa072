/** The demo model, exported, and pictures of its world. */
import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';
import { exportSet } from '../../worker/export/exportSet.ts';
import { temporaryFolder } from './exported.ts';
import { REPOSITORY, sharedPath } from './shared.ts';

/** This file runs from `dist/test/support/`. */
const OWN = join(dirname(fileURLToPath(import.meta.url)), '../../../infra/demo/model');
const listSchema = z.object({
  modalities: z.record(z.string(), z.unknown()),
  vit_presets: z.record(z.string(), z.unknown()),
});

const isThere = (folder: string): boolean => existsSync(join(folder, 'fm.safetensors'));

/** Folder of the demo checkpoints; undefined when there are none. */
export const demoSource = (): string | undefined => [OWN, sharedPath('demo')].find(isThere);

/** A picture of the demo model's world: `rgb`, `depth16` (16 bits), `normal` or `semseg`, of one scene. */
export const demoPicture = (kind: string): Promise<Buffer> =>
  readFile(join(REPOSITORY, 'test/cases/pictures', `0_${kind}.png`));

/** A reason to skip, or false. */
export const skipWithoutDemo = (): string | false =>
  demoSource() === undefined ? 'there is no demo model to export' : false;

export interface DemoSet {
  /** Holds the set as its sub-folder `demo`. */
  readonly modelsFolder: string;
  readonly remove: () => Promise<void>;
}

/**
 * Exports the demo checkpoints of a folder, by default the repository's own; their descriptions may lie
 * beside them in a file.
 */
export async function exportDemo(source = OWN): Promise<DemoSet> {
  const modelsFolder = await temporaryFolder();
  const list = await readFile(join(source, 'modalities.json'), 'utf8').catch(() => undefined);
  const described = list === undefined ? undefined : listSchema.parse(JSON.parse(list));
  await exportSet(source, join(modelsFolder, 'demo'), {
    id: 'demo',
    licence: 'Apache-2.0',
    ...(described && {
      modalityInfo: described.modalities,
      vitPresets: described.vit_presets,
    }),
  });
  return { modelsFolder, remove: () => rm(modelsFolder, { recursive: true, force: true }) };
}
