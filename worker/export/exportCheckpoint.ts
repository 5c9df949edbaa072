/** A checkpoint -> a folder that a worker serves: graphs, a manifest, and the weights as they are. */
import { stat, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import type { Manifest } from '../../shared/model/manifest.ts';
import { type Checkpoint, openCheckpoint } from '../safetensors/checkpoint.ts';
import { checkExport } from './check.ts';
import { type CheckpointExtras, type Described, describeCheckpoint } from './config.ts';
import { ExportError } from './errors.ts';
import { digestFiles, linkOrCopy, writeFolder } from './files.ts';
import { fmDecoderGraph, fmEncoderGraph, unusedFmTensors } from './fm.ts';
import { vqDecoderGraph } from './vqDecoder.ts';
import { vqEncoderGraph } from './vqEncoder.ts';
import { UNUSED_VQ_TENSORS } from './vqModel.ts';
import { openWeights, WEIGHTS_FILE, type Weights } from './weights.ts';

export const EXPORTER = '4m-edge 0.1.0';

export interface ExportOptions extends CheckpointExtras {
  /** Defaults to the checkpoint's file name without its ending. */
  readonly id?: string;
  /** Defaults to the checkpoint's metadata key `licence` or `license`, else `unknown`. */
  readonly licence?: string;
}

/**
 * Exports one checkpoint. The weights are not rewritten: the graphs point into the file, which is
 * hard-linked (or copied) into the folder.
 * @param checkpointFile a `.safetensors` file
 * @param folder must not exist; appears only when the export is complete and has been run
 * @returns the manifest that was written
 * @throws ExportError, SafetensorsError, SessionError: each names the file and what is wrong with it
 */
export async function exportCheckpoint(
  checkpointFile: string,
  folder: string,
  options: ExportOptions = {},
): Promise<Manifest> {
  const source = resolve(checkpointFile);
  refuseOtherFormats(source);
  return writeFolder(resolve(folder), async (partial) => {
    const checkpoint = await openCheckpoint(source);
    try {
      const described = await describeCheckpoint(checkpoint, options);
      const weights = await openWeights(checkpoint);
      const graphs = buildGraphs(described, weights);
      await linkOrCopy(source, join(partial, WEIGHTS_FILE));
      for (const [side, data] of Object.entries(graphs))
        await writeFile(join(partial, `${side}.onnx`), data);
      const draft = await describeExport(checkpoint, described, graphs, partial, options);
      const write = (manifest: Manifest) =>
        writeFile(join(partial, 'model.json'), `${JSON.stringify(manifest, null, 2)}\n`);
      await write(draft);
      const manifest = { ...draft, check: await checkExport(partial) };
      await write(manifest);
      return manifest;
    } finally {
      await checkpoint.close();
    }
  });
}

function refuseOtherFormats(file: string): void {
  if (/\.(pth?|bin|ckpt|pkl)$/i.test(file))
    throw new ExportError(
      'pickle',
      `${file}: pickled checkpoints run code when they are read; convert it to .safetensors first`,
    );
  if (!file.endsWith('.safetensors'))
    throw new ExportError('not_a_checkpoint', `${file}: a .safetensors file is expected`);
}

type Graphs = Record<'encoder' | 'decoder', Uint8Array>;

function buildGraphs(described: Described, weights: Weights): Graphs {
  if (described.kind === 'fm') {
    const { config, modalities } = described;
    const graphs = {
      encoder: fmEncoderGraph(config, modalities, weights),
      decoder: fmDecoderGraph(config, modalities, weights),
    };
    weights.assertAllUsed(unusedFmTensors(config, modalities));
    return graphs;
  }
  const model = { config: described.config, presets: described.vit_presets };
  const graphs = {
    encoder: vqEncoderGraph(model, weights),
    decoder: vqDecoderGraph(model, weights),
  };
  weights.assertAllUsed(UNUSED_VQ_TENSORS);
  return graphs;
}

async function describeExport(
  checkpoint: Checkpoint,
  described: Described,
  graphs: Graphs,
  folder: string,
  options: ExportOptions,
): Promise<Manifest> {
  const files = ['encoder.onnx', 'decoder.onnx', WEIGHTS_FILE];
  const parameters = [...checkpoint.tensors.values()].reduce(
    (total, { shape }) => total + shape.reduce((product, size) => product * size, 1),
    0,
  );
  const { licence, license } = checkpoint.metadata;
  const entry = (side: 'encoder' | 'decoder') => ({
    file: `${side}.onnx`,
    bytes: graphs[side].length,
  });
  return {
    format: 1,
    id: options.id ?? basename(checkpoint.file, '.safetensors'),
    licence: options.licence ?? licence ?? license ?? 'unknown',
    precision: 'fp32',
    digest: await digestFiles(files.map((file) => join(folder, file))),
    exporter: EXPORTER,
    parameters,
    weights: [WEIGHTS_FILE],
    check: { outputs: '', milliseconds: 0 },
    graphs: { encoder: entry('encoder'), decoder: entry('decoder') },
    ...described,
  };
}

/** Bytes of an exported folder's files, graphs and weights. */
export async function exportedBytes(folder: string, manifest: Manifest): Promise<number> {
  const sizes = await Promise.all(manifest.weights.map((file) => stat(join(folder, file))));
  return sizes.reduce(
    (total, { size }) => total + size,
    manifest.graphs.encoder.bytes + manifest.graphs.decoder.bytes,
  );
}
