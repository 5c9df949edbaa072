/**
 * What is measured: the demo model, a model of the size of 4M-B with random weights, and a ViT-B/14, as which the
 * transformer of a tokenizer is exported. Random weights take the same time as any.
 */
import { join } from 'node:path';
import { demoModelFolder } from '../../../infra/paths.ts';
import { fmConfigSchema, VIT_PRESETS, vqConfigSchema } from '../../../shared/model/config.ts';
import {
  type FmManifest,
  fmManifestSchema,
  type VqManifest,
  vqManifestSchema,
} from '../../../shared/model/manifest.ts';
import { PUBLISHED_MODALITIES } from '../../../shared/model/modalities.ts';
import { createScheduler, type Lane } from '../../../worker/batching/scheduler.ts';
import { exportCheckpoint } from '../../../worker/export/exportCheckpoint.ts';
import { loadModel } from '../../../worker/session/loadModels.ts';
import { startRuntime } from '../../../worker/session/runtime.ts';
import type { FloatTensor } from '../../../worker/session/types.ts';
import {
  type DescribedModel,
  PUBLISHED_BLOCKS,
  writeRandomCheckpoint,
} from '../../support/randomCheckpoint.ts';
import { FM_SIZES } from '../../support/sparseFm.ts';

export const PRECISIONS = ['fp32', 'int8'] as const;
export type BenchPrecision = (typeof PRECISIONS)[number];

/** A model that embeds. */
export interface Embedder {
  readonly manifest: FmManifest;
  readonly lane: Lane;
  readonly close: () => Promise<void>;
}

/** Inputs and targets that the work needs, and captions, whose vocabulary is the largest there is. */
function describedB(): DescribedModel {
  const inputs = ['caption', 'rgb@224', 'tok_depth@224', 'tok_dinov2_global'];
  const { dim, depth, heads } = FM_SIZES.B;
  const config = fmConfigSchema.parse({
    domains_in: inputs,
    domains_out: inputs.filter((name) => name !== 'rgb@224'),
    dim,
    encoder_depth: depth,
    decoder_depth: depth,
    num_heads: heads,
    ...PUBLISHED_BLOCKS,
  });
  const modalities = Object.fromEntries(
    inputs.map((name) => {
      const info = PUBLISHED_MODALITIES[name];
      if (!info) throw new Error(`${name} is not a published modality`);
      return [name, info];
    }),
  );
  return { kind: 'fm', config, modalities };
}

/** ViT-B of patches of 14, with a codebook of two ids behind it, which takes no time to speak of. */
function describedVit(): DescribedModel {
  const config = vqConfigSchema.parse({
    image_size: 224,
    patch_size: 14,
    enc_type: 'vit_b_enc',
    dec_type: 'vit_b_dec',
    codebook_size: 2,
    latent_dim: 2,
  });
  const { vit_b_enc, vit_b_dec } = VIT_PRESETS;
  if (!vit_b_enc || !vit_b_dec) throw new Error('the published sizes are not there');
  return { kind: 'vqvae', config, vit_presets: { vit_b_enc, vit_b_dec } };
}

async function exported(
  folder: string,
  name: string,
  precision: BenchPrecision,
  checkpoint: string,
): Promise<string> {
  const path = `${name}-${precision}`;
  await exportCheckpoint(checkpoint, join(folder, path), { precision, unchecked: true });
  return path;
}

async function randomFile(
  folder: string,
  name: string,
  described: DescribedModel,
): Promise<string> {
  const file = join(folder, `${name}.safetensors`);
  await writeRandomCheckpoint(file, described);
  return file;
}

/** @returns a model by size and precision: each is exported when it is asked for, and loaded */
export function benchedModels(folder: string, threads: number) {
  const files = new Map<string, Promise<string>>();
  const fileOf = (name: string, described: () => DescribedModel): Promise<string> => {
    const known = files.get(name) ?? randomFile(folder, name, described());
    files.set(name, known);
    return known;
  };
  return {
    async embedder(size: 'demo' | 'b', precision: BenchPrecision): Promise<Embedder> {
      const checkpoint =
        size === 'demo' ? join(demoModelFolder, 'fm.safetensors') : await fileOf('b', describedB);
      const path = await exported(folder, size, precision, checkpoint);
      const runtime = startRuntime({ threads });
      const names = ['generate'];
      const loaded = await loadModel<FmManifest>(runtime, folder, path, fmManifestSchema, {
        names,
      });
      const scheduler = createScheduler(loaded.manifest, loaded.graphs.generate);
      return { manifest: loaded.manifest, lane: scheduler.join(), close: runtime.close };
    },
    /** A forward pass of the ViT over a picture. */
    async vit(precision: BenchPrecision) {
      const path = await exported(folder, 'vit', precision, await fileOf('vit', describedVit));
      const runtime = startRuntime({ threads });
      const names = ['encoder'];
      const loaded = await loadModel<VqManifest>(runtime, folder, path, vqManifestSchema, {
        names,
      });
      const pixels: FloatTensor = {
        type: 'float32',
        dims: [1, 3, 224, 224],
        data: Float32Array.from({ length: 3 * 224 * 224 }, (_, i) => Math.sin(i)),
      };
      return {
        run: async () => void (await loaded.graphs.encoder.run({ pixels })),
        close: runtime.close,
      };
    },
  };
}
