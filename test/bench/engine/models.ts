/** Models of the size of 4M-B with random weights, exported and loaded when a figure first asks for them. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type FmManifest, fmManifestSchema } from '../../../shared/model/manifest.ts';
import { fusedRunner } from '../../../worker/batching/runner.ts';
import { plainRunner } from '../../../worker/compare/plain.ts';
import type { RunRequests } from '../../../worker/engine/forward.ts';
import { exportCheckpoint } from '../../../worker/export/exportCheckpoint.ts';
import { loadModel } from '../../../worker/session/loadModels.ts';
import { startRuntime } from '../../../worker/session/runtime.ts';
import { FM_SIZES, type FmSize, writeSparseFm } from '../../support/sparseFm.ts';

type Precision = 'fp32' | 'int8';

export interface BenchModels {
  /** The engine as a worker runs it. */
  readonly fused: (precision: Precision) => Promise<RunRequests>;
  /** The reference's schedule on our runtime, in fp32. */
  readonly plain: () => Promise<RunRequests>;
  /** The checkpoint, and the folder of its export in fp32 within `folder`. */
  readonly fp32Export: () => Promise<{ checkpoint: string; folder: string; path: string }>;
  close(): Promise<void>;
}

/** @param folder where checkpoint and exports lie; what is there already is taken */
export function benchModels(
  folder: string,
  threads: number,
  size: FmSize = FM_SIZES.B,
): BenchModels {
  const checkpoint = join(folder, 'checkpoint.safetensors');
  const closing: (() => Promise<void>)[] = [];
  const exported = async (precision: Precision): Promise<string> => {
    if (!existsSync(checkpoint)) await writeSparseFm(checkpoint, size, 'random');
    const out = join(folder, precision);
    if (!existsSync(out)) await exportCheckpoint(checkpoint, out, { precision });
    return precision;
  };
  const load = async (precision: Precision, names?: readonly string[]) => {
    const path = await exported(precision);
    const runtime = startRuntime({ threads });
    closing.push(() => runtime.close());
    return loadModel<FmManifest>(runtime, folder, path, fmManifestSchema, { names });
  };
  const fused = new Map<Precision, Promise<RunRequests>>();
  let plain: Promise<RunRequests> | undefined;
  return {
    fused(precision) {
      const known = fused.get(precision);
      if (known) return known;
      const loaded = load(precision, ['generate', 'write']).then(({ manifest, graphs }) =>
        fusedRunner(manifest, graphs.generate, graphs.write),
      );
      fused.set(precision, loaded);
      return loaded;
    },
    plain: () =>
      (plain ??= load('fp32', ['encoder', 'decoder']).then(({ manifest, graphs }) =>
        plainRunner({ fm: manifest, encoder: graphs.encoder, decoder: graphs.decoder }),
      )),
    fp32Export: async () => ({ checkpoint, folder, path: await exported('fp32') }),
    async close() {
      for (const close of closing) await close();
    },
  };
}
