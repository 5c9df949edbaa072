/** A checkpoint -> a folder that a worker serves: graphs, a manifest, and the weights as they are. */
import { stat, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { type Manifest, manifestSchema } from '../../shared/model/manifest.ts';
import { type Checkpoint, openCheckpoint } from '../safetensors/checkpoint.ts';
import { checkExport } from './check.ts';
import type { CheckpointExtras } from './describe/checkpointConfig.ts';
import { type Described, describeCheckpoint } from './describe/describe.ts';
import { ExportError } from './errors.ts';
import { digestFiles, linkOrCopy, writeFolder } from './files.ts';
import { buildGraphs } from './graphs.ts';
import { openWeights, WEIGHTS_FILE } from './weights.ts';

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
      const graphs = Object.fromEntries(
        Object.entries(buildGraphs(described, weights)).map(([name, graph]) => [
          name,
          graph.encode(),
        ]),
      );
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

async function describeExport(
  checkpoint: Checkpoint,
  described: Described,
  graphs: Readonly<Record<string, Uint8Array>>,
  folder: string,
  options: ExportOptions,
): Promise<Manifest> {
  const files = [...Object.keys(graphs).map((name) => `${name}.onnx`), WEIGHTS_FILE];
  const parameters = [...checkpoint.tensors.values()].reduce(
    (total, { shape }) => total + shape.reduce((product, size) => product * size, 1),
    0,
  );
  const { licence, license } = checkpoint.metadata;
  return manifestSchema.parse({
    format: 1,
    id: options.id ?? basename(checkpoint.file, '.safetensors'),
    licence: options.licence ?? licence ?? license ?? 'unknown',
    precision: 'fp32',
    digest: await digestFiles(files.map((file) => join(folder, file))),
    exporter: EXPORTER,
    parameters,
    weights: [WEIGHTS_FILE],
    check: { outputs: '', milliseconds: 0 },
    graphs: Object.fromEntries(
      Object.entries(graphs).map(([name, { length }]) => [
        name,
        { file: `${name}.onnx`, bytes: length },
      ]),
    ),
    ...described,
  });
}

/** Bytes of an exported folder's files, graphs and weights. */
export async function exportedBytes(folder: string, manifest: Manifest): Promise<number> {
  const sizes = await Promise.all(manifest.weights.map((file) => stat(join(folder, file))));
  const graphs = Object.values(manifest.graphs).reduce((total, { bytes }) => total + bytes, 0);
  return sizes.reduce((total, { size }) => total + size, graphs);
}
