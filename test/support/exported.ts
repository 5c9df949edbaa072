/** Checkpoints exported into a temporary folder and loaded; the caller closes them after its tests. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type * as z from 'zod';
import {
  type DivaeManifest,
  divaeManifestSchema,
  type FmManifest,
  fmManifestSchema,
  type Manifest,
  type VqManifest,
  vqManifestSchema,
} from '../../shared/model/manifest.ts';
import { type ExportOptions, exportCheckpoint } from '../../worker/export/exportCheckpoint.ts';
import { type LoadedModel, loadModel } from '../../worker/session/loadModels.ts';
import { startRuntime } from '../../worker/session/runtime.ts';

export type ExportedModel<M extends Manifest> = LoadedModel<M> &
  LoadedModel<M>['graphs'] & {
    readonly folder: string;
    close(): Promise<void>;
  };

export const temporaryFolder = (): Promise<string> => mkdtemp(join(tmpdir(), '4m-test-'));

async function exported<M extends Manifest>(
  checkpoint: string,
  options: ExportOptions,
  schema: z.ZodType<M>,
): Promise<ExportedModel<M>> {
  const folder = await temporaryFolder();
  const runtime = startRuntime({ threads: 1 });
  const close = async () => {
    await runtime.close();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await exportCheckpoint(checkpoint, join(folder, 'model'), options);
    const loaded = await loadModel<M>(runtime, folder, 'model', schema);
    return { ...loaded, ...loaded.graphs, folder, close };
  } catch (error) {
    await close();
    throw error;
  }
}

export const exportedFm = (checkpoint: string, options: ExportOptions = {}) =>
  exported<FmManifest>(checkpoint, options, fmManifestSchema);

export const exportedVq = (checkpoint: string, options: ExportOptions = {}) =>
  exported<VqManifest>(checkpoint, options, vqManifestSchema);

export const exportedDivae = (checkpoint: string, options: ExportOptions = {}) =>
  exported<DivaeManifest>(checkpoint, options, divaeManifestSchema);
