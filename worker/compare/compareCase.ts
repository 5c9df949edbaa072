/** A folder of inputs and expected outputs against an exported model: which kinds of cases are in it. */

import { readdir, readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import * as z from 'zod';
import { present } from '../../shared/lookup.ts';
import { type Manifest, manifestSchema } from '../../shared/model/manifest.ts';
import { loadModel } from '../session/loadModels.ts';
import { startRuntime } from '../session/runtime.ts';
import { type GraphSession, SessionError } from '../session/types.ts';
import { compareDivae, compareSchedules } from './divae.ts';
import { CompareError } from './errors.ts';
import { compareFm } from './fm.ts';
import type { FmModel, SequenceOrder } from './fmEncoded.ts';
import { pixelsOf } from './fmInputs.ts';
import { compareTraces, SCHEDULES_FILE } from './fmTraces.ts';
import { compareFmVit } from './fmVit.ts';
import { createReport, type Report } from './report.ts';
import { readTensors } from './tensors.ts';
import { compareVq } from './vq.ts';

export interface CaseResult {
  readonly manifest: Manifest;
  readonly report: Report;
  /** Whether every output that was compared is within its tolerance. */
  readonly passed: boolean;
}

type Graphs = Readonly<Partial<Record<string, GraphSession>>>;

/**
 * Compares a model with a case folder in the layout of the PyTorch reference vectors.
 * @param out an exported folder
 * @throws CompareError where `out` is not one, or the folder holds no case of this kind of model
 */
export async function compareCase(out: string, caseFolder: string): Promise<CaseResult> {
  const folder = resolve(caseFolder);
  const files = await filesOf(folder);
  await assertExported(out);
  const runtime = startRuntime({});
  try {
    const { manifest, graphs } = await loadModel<Manifest>(
      runtime,
      resolve(out),
      '.',
      manifestSchema,
    );
    const report = createReport(manifest.precision);
    try {
      await compareFiles(folder, files, manifest, graphs, report);
    } catch (error) {
      // A model that cannot take the case's inputs is wrong for it, and the rest was compared.
      if (!(error instanceof SessionError)) throw error;
      report.missing('run', error.message);
    }
    if (report.findings.length === 0)
      throw new CompareError(`${folder}: holds no outputs of a model of kind ${manifest.kind}`);
    return { manifest, report, passed: report.findings.every(({ passed }) => passed) };
  } finally {
    await runtime.close();
  }
}

async function filesOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder).catch((cause: unknown) => {
    throw new CompareError(`${folder}: is not a folder that can be read`, { cause });
  });
  const files = entries
    .filter((name) => name.endsWith('.safetensors') || name === SCHEDULES_FILE)
    .sort();
  const known = files.filter(
    (name) => [IO, SCHEDULES, SCHEDULES_FILE].includes(name) || name.endsWith(INPUTS),
  );
  if (known.length === 0)
    throw new CompareError(
      `${folder}: holds no case (none of ${IO}, X${INPUTS}, ${SCHEDULES} and ${SCHEDULES_FILE} is there)`,
    );
  return files;
}

async function assertExported(out: string): Promise<void> {
  const has = (name: string) =>
    stat(join(out, name)).then(
      (entry) => entry.isFile(),
      () => false,
    );
  if (await has('model.json')) return;
  if (await has('set.json'))
    throw new CompareError(`${out}: is a set of models; name one of the folders in it`);
  throw new CompareError(`${out}: is not an exported folder (it has no model.json)`);
}

const IO = 'io.safetensors';
const SCHEDULES = 'schedules.safetensors';
const INPUTS = '_inputs.safetensors';

async function compareFiles(
  folder: string,
  files: readonly string[],
  manifest: Manifest,
  graphs: Graphs,
  report: Report,
): Promise<void> {
  const has = (name: string) => files.includes(name);
  const io = async () => (has(IO) ? await readTensors(join(folder, IO)) : {});
  const graph = (name: string): GraphSession =>
    present(graphs[name], `the graph ${name} of ${manifest.id}`);
  const encoder = graph('encoder');
  switch (manifest.kind) {
    case 'vqvae':
      return compareVq({ manifest, encoder, decoder: graph('decoder') }, await io(), report);
    case 'divae': {
      const [codebook, denoiser] = [graph('codebook'), graph('denoiser')];
      const model = { manifest, encoder, codebook, denoiser };
      await compareDivae(model, await io(), report);
      if (has(SCHEDULES)) compareSchedules(await readTensors(join(folder, SCHEDULES)), report);
      return;
    }
    case 'fm':
    case 'fmvit': {
      const model = { manifest, encoder, decoder: graphs.decoder };
      for (const inputs of files.filter((name) => name.endsWith(INPUTS)))
        await compareForwardPasses(model, folder, inputs, files, report);
      const backbone = await io();
      if (backbone.features || backbone.logits) await compareFmVit(model, folder, backbone, report);
      if (has(SCHEDULES_FILE)) await compareTraces(model, folder, files, report);
      return;
    }
  }
}

/** `X_inputs.safetensors` with every other `X_*.safetensors`. */
async function compareForwardPasses(
  model: FmModel,
  folder: string,
  inputsFile: string,
  files: readonly string[],
  report: Report,
): Promise<void> {
  const stem = inputsFile.slice(0, -INPUTS.length);
  const tensors = await readTensors(join(folder, inputsFile));
  const inputs = {
    tensors,
    modalities: model.manifest.modalities,
    pixels: await pixelsOf(model.manifest, folder, tensors),
  };
  const order = await orderOf(model, folder, stem);
  for (const name of files) {
    if (name === inputsFile || !name.startsWith(`${stem}_`)) continue;
    const file = join(folder, name);
    await compareFm(file, { model, inputs, expected: await readTensors(file), order, report });
  }
}

const metaSchema = z
  .object({
    modality_order: z.array(z.string()),
    ids: z.record(z.string(), z.number().int()),
  })
  .partial();

/**
 * `X_meta.json`, or that of another case in the folder: the reference's order of modalities, and the numbers
 * it knows them by.
 */
async function orderOf(
  { manifest }: FmModel,
  folder: string,
  stem: string,
): Promise<SequenceOrder> {
  const { config } = manifest;
  const outputs = 'domains_out' in config ? config.domains_out : [];
  const all = [...new Set([...config.domains_in, ...outputs])];
  const files = (await readdir(folder)).filter((name) => name.endsWith('_meta.json'));
  const name = files.find((file) => file === `${stem}_meta.json`) ?? files[0];
  if (name === undefined) return { order: all, ids: {} };
  const file = join(folder, name);
  let json: unknown;
  try {
    json = JSON.parse(await readFile(file, 'utf8'));
  } catch (cause) {
    throw new CompareError(`${file}: not JSON`, { cause });
  }
  const meta = metaSchema.safeParse(json);
  if (!meta.success)
    throw new CompareError(
      `${file}: ${meta.error.issues[0]?.path.join('.')}: ${meta.error.issues[0]?.message}`,
    );
  const { modality_order: order = all, ids = {} } = meta.data;
  return { order: [...new Set([...order, ...all])], ids };
}
