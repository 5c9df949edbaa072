/** A model of a published size with random weights, made where it is measured: weights change no time. */
import { join } from 'node:path';
import { valueAt } from '../../../shared/lookup.ts';
import { type FmManifest, fmManifestSchema } from '../../../shared/model/manifest.ts';
import type { Precision } from '../../../shared/model/precisions.ts';
import { fullRows, type TokenState } from '../../../worker/engine/tokenState.ts';
import { exportCheckpoint } from '../../../worker/export/exportCheckpoint.ts';
import type { Device } from '../../../worker/session/devices.ts';
import { loadModel } from '../../../worker/session/loadModels.ts';
import { type Runtime, startRuntime } from '../../../worker/session/runtime.ts';
import type { GraphSession } from '../../../worker/session/types.ts';
import { FM_SIZES, type FmSize, writeSparseFm } from '../../support/sparseFm.ts';
import type { BenchRow } from '../main.ts';

export const SIZES: Readonly<Record<string, FmSize>> = {
  ...FM_SIZES,
  tiny: { dim: 64, depth: 2, heads: 2 },
};

export interface GpuOptions {
  readonly device: Device;
  /** For files of the measurement's own. */
  readonly folder: string;
  readonly models: RandomModel;
  /** Pictures in one run, one number a measurement. */
  readonly pictures: readonly number[];
  /** Captions written side by side, one number a measurement. */
  readonly captions: readonly number[];
  /** Tokens of a caption. */
  readonly tokens: number;
  readonly precisions: readonly Precision[];
  readonly say: (line: string) => void;
}

export type GpuPart = (options: GpuOptions) => AsyncGenerator<BenchRow>;

export interface Loaded {
  readonly manifest: FmManifest;
  readonly generate: GraphSession;
}

export interface RandomModel {
  readonly size: FmSize;
  /** Folder of the export. */
  readonly exported: (precision: Precision) => Promise<string>;
  /** The model of a precision on a device, loaded once. */
  readonly load: (device: Device, precision: Precision) => Promise<Loaded>;
  readonly close: () => Promise<void>;
}

export function randomModel(folder: string, size: FmSize): RandomModel {
  let checkpoint: Promise<string> | undefined;
  const exports = new Map<Precision, Promise<string>>();
  const loaded = new Map<Precision, Promise<Loaded>>();
  const runtimes: Runtime[] = [];

  async function write(): Promise<string> {
    const file = join(folder, 'random.safetensors');
    await writeSparseFm(file, size, 'random');
    return file;
  }
  async function exportOnce(precision: Precision): Promise<string> {
    checkpoint ??= write();
    const target = join(folder, precision);
    await exportCheckpoint(await checkpoint, target, { precision, unchecked: true });
    return target;
  }
  async function loadOnce(device: Device, precision: Precision): Promise<Loaded> {
    const target = await exported(precision);
    const runtime = startRuntime({ device });
    runtimes.push(runtime);
    const options = { names: ['generate'], device };
    const model = await loadModel<FmManifest>(runtime, target, '.', fmManifestSchema, options);
    return { manifest: model.manifest, generate: model.graphs.generate };
  }
  const exported = (precision: Precision): Promise<string> => {
    if (!exports.has(precision)) exports.set(precision, exportOnce(precision));
    return valueAt(exports, precision, 'exports');
  };
  return {
    size,
    exported,
    load(device, precision) {
      if (!loaded.has(precision)) loaded.set(precision, loadOnce(device, precision));
      return valueAt(loaded, precision, 'models');
    },
    close: async () => {
      for (const runtime of runtimes) await runtime.close();
    },
  };
}

/** Patches of a picture of side 224. */
export const PATCHES = 196;
const PATCH_WIDTH = 768;

/** A picture as the model sees it, another one for each seed. */
export const picture = (seed: number): TokenState =>
  new Map([
    [
      'rgb@224',
      fullRows(
        Float32Array.from({ length: PATCHES * PATCH_WIDTH }, (_, i) => Math.sin(i * (seed + 1))),
        PATCH_WIDTH,
      ),
    ],
  ]);

/** Multiplications and additions, each counted, of `rgb -> picture` in one step, heads included. */
export function operationsOfPicture({ dim, depth }: FmSize, vocabulary: number): number {
  const hidden = Math.trunc((2 * dim * 4) / 3);
  const feedForward = 3 * dim * hidden;
  const encoder = depth * (4 * dim ** 2 + feedForward);
  const decoder = depth * (6 * dim ** 2 + feedForward);
  const context = depth * 2 * dim ** 2 + dim ** 2;
  const attention = depth * 3 * 2 * PATCHES * dim;
  const pixels = PATCH_WIDTH * dim;
  return 2 * PATCHES * (encoder + decoder + context + attention + pixels + dim * vocabulary);
}

/** Median of the times of repeated runs, in seconds, and how many there were. */
export async function medianSeconds(
  run: () => Promise<unknown>,
  { warm = 3, most = 15, seconds = 4 } = {},
): Promise<number> {
  for (let i = 0; i < warm; i++) await run();
  const times: number[] = [];
  const began = performance.now();
  while (times.length < 3 || (times.length < most && performance.now() - began < 1000 * seconds)) {
    const started = performance.now();
    await run();
    times.push((performance.now() - started) / 1000);
  }
  return times.sort((a, b) => a - b)[Math.floor(times.length / 2)] ?? Number.NaN;
}
