/** A checkpoint -> a folder that a worker serves: graphs, a manifest, and the weights. */
import { mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { present } from '../../shared/lookup.ts';
import type { GraphForm } from '../../shared/model/graphForms.ts';
import { graphFilesOf, type Manifest, manifestSchema } from '../../shared/model/manifest.ts';
import type { Precision } from '../../shared/model/precisions.ts';
import { CUDA_OPSET, OPSET, type Opset } from '../onnx/model.ts';
import type { Checkpoint } from '../safetensors/checkpoint.ts';
import type { StoredTensor } from '../safetensors/header.ts';
import { CPU } from '../session/devices.ts';
import { formFor } from '../session/graphForm.ts';
import { startRuntime } from '../session/runtime.ts';
import type { GraphSession } from '../session/types.ts';
import { measureAgreement } from './agreement/agreement.ts';
import { checkExport } from './check.ts';
import { fileId, refuseOtherFormats } from './checkpointFolder.ts';
import type { CheckpointExtras } from './describe/checkpointConfig.ts';
import { type Described, describeCheckpoint } from './describe/describe.ts';
import { assertSpace, digestFiles, linkOrCopy, writeFolder } from './files.ts';
import { type FiniteCheck, finiteCheck } from './finiteCheck.ts';
import { buildGraphs, type Graphs } from './graphs.ts';
import { isLarge, openForCheck } from './openForCheck.ts';
import { openModel } from './openModel.ts';
import { assertVocabulary, findTextTokenizer } from './textTokenizer.ts';
import {
  ENCODED_FILE,
  type LinkedFile,
  linkedFiles,
  planInPlace,
  planWritten,
} from './weightPlan.ts';
import { openWeights } from './weights.ts';
import { writeSet } from './writeSet.ts';
import { writeWeights } from './writeWeights.ts';

export const EXPORTER = '4m-edge 0.7.0';

export type ExportStage = 'weights' | 'digest' | 'check' | 'agreement';

export interface ExportOptions extends CheckpointExtras {
  /** Defaults to the name of the checkpoint's file, or of its folder where the file's says nothing. */
  readonly id?: string;
  /** Defaults to the checkpoint's metadata key `licence` or `license`, else `unknown`. */
  readonly licence?: string;
  /** Defaults to fp32. */
  readonly precision?: Precision;
  /** Exports an FM's encoder alone, over all its input modalities. */
  readonly backbone?: boolean;
  /** A checkpoint with the tensors of a head for the backbone, `output_head.*`; implies `backbone`. */
  readonly head?: string;
  /** Takes the tensors whose names begin with this, without it; see `openModel`. */
  readonly stripPrefix?: string;
  /** True for a part of a set, which does not become a set by itself. */
  readonly isMember?: boolean;
  /** Leaves out the runs that end an export: for random weights, whose outputs mean nothing. */
  readonly unchecked?: boolean;
  /** Called at the start of each stage, and along it with the share that is done. */
  readonly onProgress?: (stage: ExportStage, fraction: number) => void;
}

/**
 * Exports one checkpoint. In fp32 the weights are not rewritten: the graphs point into the file, which is
 * hard-linked (or copied) into the folder. In the other precisions they are written anew, piece by piece.
 * @param checkpointFile a `.safetensors` file, or the `.safetensors.index.json` of a sharded one
 * An FM with `tokenizer.json` beside it becomes a set of one, which a worker serves.
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
  const head = options.head === undefined ? undefined : resolve(options.head);
  for (const file of [source, ...(head ? [head] : [])]) refuseOtherFormats(file);
  return writeFolder(resolve(folder), async (partial) => {
    const opened: Checkpoint[] = [];
    try {
      const checkpoint = await openModel(source, options);
      opened.push(checkpoint);
      if (head) opened.push(await openModel(head));
      return await exportOpened({ checkpoint, head: opened[1], options, partial });
    } finally {
      for (const checkpoint of opened) await checkpoint.close();
    }
  });
}

interface OpenedExport {
  readonly checkpoint: Checkpoint;
  readonly head: Checkpoint | undefined;
  readonly options: ExportOptions;
  readonly partial: string;
}

async function exportOpened(opened: OpenedExport): Promise<Manifest> {
  const { checkpoint, head, options, partial } = opened;
  const progress = options.onProgress ?? (() => {});
  const precision = options.precision ?? 'fp32';
  const backbone = options.backbone || head ? { ...(head && { head }) } : undefined;
  const described = await describeCheckpoint(checkpoint, options, backbone);
  const isTrunk = described.kind === 'fm' || described.kind === 'fmvit';
  const textTokenizer = isTrunk ? await findTextTokenizer(dirname(checkpoint.file)) : undefined;
  if (textTokenizer !== undefined) await assertVocabulary(textTokenizer, described);
  const checkpoints = head ? [checkpoint, head] : [checkpoint];
  const files = linkedFiles(checkpoints);

  const written = precision === 'fp32' ? undefined : planWritten();
  const weights = await openWeights(checkpoints, precision, written ?? planInPlace(files));
  const graphs = buildGraphs(described, weights);
  progress('weights', 0);
  if (written) {
    await assertSpace(partial, written.bytes());
    await writeWeights(join(partial, ENCODED_FILE), written.tensors(), written.bytes(), (share) =>
      progress('weights', share),
    );
  } else await linkFiles(files, partial);
  const weightFiles = written ? [ENCODED_FILE] : files.map(({ name }) => name);

  const other = written && OTHER_FORM[precision];
  const otherGraphs =
    other && buildGraphs(described, await openWeights(checkpoints, precision, written, other.form));
  const graphFiles = await writeGraphs(graphs, partial);
  const otherFiles =
    other &&
    otherGraphs &&
    (await writeGraphs(otherGraphs, partial, `.${other.form}`, other.opset));
  progress('digest', 0);
  // Weights that are written anew have been looked at on the way.
  const looks = written ? undefined : finiteChecks(files, weights.used());
  const digested = [
    ...[graphFiles, otherFiles ?? {}].flatMap(Object.values<GraphFile>).map(({ file }) => file),
    ...weightFiles,
  ];
  const { licence, license } = checkpoint.metadata;
  const draft = manifestSchema.parse({
    format: 1,
    id: options.id ?? fileId(checkpoint.file),
    licence: options.licence ?? licence ?? license ?? 'unknown',
    precision,
    digest: await digestFiles(
      digested.map((file) => join(partial, file)),
      (share) => progress('digest', share),
      looks ? (file, position, piece) => looks.get(basename(file))?.(position, piece) : undefined,
    ),
    exporter: EXPORTER,
    parameters: weights.parameters(),
    weights: weightFiles,
    check: { outputs: '', milliseconds: 0 },
    graphs: graphFiles,
    ...(other && { [other.field]: otherFiles }),
    ...described,
  });
  await writeManifest(partial, draft);
  if (options.unchecked) return draft;
  progress('check', 0);
  const bytes = written?.bytes() ?? checkpoints.reduce((sum, { size }) => sum + size, 0);
  const runtime = startRuntime({});
  try {
    const open = async (form: GraphForm) => {
      const ofForm = form === 'plain' ? graphs : present(otherGraphs, `graphs of form ${form}`);
      const sessions = await openForCheck(runtime, partial, ofForm, bytes, form);
      return { sessions, check: await checkExport(draft, sessions) };
    };
    // On a CPU, which has to run them; those of a device come after.
    const { sessions: own, check } = await open(await formFor(runtime, partial, draft, CPU));
    const isForDevice = other?.form === 'half';
    if (isForDevice) for (const session of Object.values(own)) await session.close();
    const { sessions } = isForDevice ? await open(other.form) : { sessions: own };
    const agreement =
      written && (await agreementWithFp32(opened, described, checkpoints, draft, sessions));
    const manifest = { ...draft, check, ...(agreement && { agreement }) };
    await writeManifest(partial, manifest);
    // A model with its text tokenizer beside it can be served as it is, its other modalities as tokens; a
    // backbone without one, then it takes no texts.
    const isServable = manifest.kind === 'fmvit' || textTokenizer !== undefined;
    if (isTrunk && !options.isMember && isServable) {
      const { id, licence, digest } = manifest;
      const members = { id, licence, fm: '.', tokenizers: {}, digests: [digest] };
      await writeSet(partial, textTokenizer, members);
    }
    return manifest;
  } finally {
    await runtime.close();
  }
}

/** One check for each linked file, of the tensors that the graphs read. */
const finiteChecks = (
  files: readonly LinkedFile[],
  used: readonly StoredTensor[],
): ReadonlyMap<string, FiniteCheck> =>
  new Map(
    files.map(({ source, name }) => [
      name,
      finiteCheck(used.filter(({ file }) => file === source)),
    ]),
  );

const writeManifest = (folder: string, manifest: Manifest): Promise<void> =>
  writeFile(join(folder, 'model.json'), `${JSON.stringify(manifest, null, 2)}\n`);

interface OtherForm {
  readonly form: GraphForm;
  /** Of the manifest. */
  readonly field: 'half_graphs' | 'unsigned_graphs';
  readonly opset: Opset;
}

/** The second form that an export in a precision has its graphs in. */
const OTHER_FORM: Partial<Record<Precision, OtherForm>> = {
  fp16: { form: 'half', field: 'half_graphs', opset: CUDA_OPSET },
  int8: { form: 'unsigned', field: 'unsigned_graphs', opset: OPSET },
};

interface GraphFile {
  readonly file: string;
  readonly bytes: number;
}
type GraphFiles = Record<string, GraphFile>;

/** @param suffix of the files' names */
async function writeGraphs(
  graphs: Graphs,
  folder: string,
  suffix = '',
  opset: Opset = OPSET,
): Promise<GraphFiles> {
  const files: GraphFiles = {};
  for (const [name, graph] of Object.entries(graphs)) {
    const data = graph.encode(opset);
    const file = `${name}${suffix}.onnx`;
    await writeFile(join(folder, file), data);
    files[name] = { file, bytes: data.length };
  }
  return files;
}

async function linkFiles(files: readonly LinkedFile[], folder: string): Promise<void> {
  for (const { source, name } of files) await linkOrCopy(source, join(folder, name));
}

/** Builds the same model in fp32 beside the export, for as long as the comparison takes. */
async function agreementWithFp32(
  { options, partial }: OpenedExport,
  described: Described,
  checkpoints: readonly Checkpoint[],
  draft: Manifest,
  lowered: Readonly<Record<string, GraphSession>>,
): Promise<Manifest['agreement']> {
  options.onProgress?.('agreement', 0);
  const folder = join(partial, 'fp32');
  await mkdir(folder);
  const files = linkedFiles(checkpoints);
  await linkFiles(files, folder);
  const graphs = buildGraphs(described, await openWeights(checkpoints, 'fp32', planInPlace(files)));
  const { half_graphs, unsigned_graphs, ...rest } = draft;
  const manifest = manifestSchema.parse({
    ...rest,
    precision: 'fp32',
    weights: files.map(({ name }) => name),
    graphs: await writeGraphs(graphs, folder),
  });
  await writeManifest(folder, manifest);
  const bytes = checkpoints.reduce((sum, { size }) => sum + size, 0);
  const runtime = startRuntime({});
  try {
    const reference = await openForCheck(runtime, folder, graphs, bytes, 'plain');
    return await measureAgreement(manifest, reference, lowered, isLarge(bytes));
  } finally {
    await runtime.close();
    await rm(folder, { recursive: true });
  }
}

/** Bytes of an exported folder's files, graphs and weights. */
export async function exportedBytes(folder: string, manifest: Manifest): Promise<number> {
  const sizes = await Promise.all(manifest.weights.map((file) => stat(join(folder, file))));
  const graphs = graphFilesOf(manifest).reduce((total, { bytes }) => total + bytes, 0);
  return sizes.reduce((total, { size }) => total + size, graphs);
}
