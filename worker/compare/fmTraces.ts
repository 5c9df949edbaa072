/**
 * Generation traces: `schedules.json` and a `{trace}.safetensors` for each entry, with the state before
 * (`in.*`) and after each step (`s00.after.*`). The forward passes of every step are held against ours, from
 * the recorded state, so that no choice of ours leads away from the trace.
 */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { fieldOf, itemAt } from '../../shared/lookup.ts';
import { logitsName } from '../../shared/model/graphNames.ts';
import type { FmManifest } from '../../shared/model/manifest.ts';
import { argmax } from '../engine/sampling.ts';
import type { FloatTensor, GraphSession, Tensor } from '../session/types.ts';
import { CompareError } from './errors.ts';
import { encodeRows, type FmModel } from './fmEncoded.ts';
import { bools, decoderFeeds, longs, range, type Targets } from './fmFeeds.ts';
import { batchSize, boundedPositions, type FmInputs, pixelsOf, visible } from './fmInputs.ts';
import type { Report } from './report.ts';
import { floats, floatTensor, ints, readTensors, rowOf, type Tensors } from './tensors.ts';

export const SCHEDULES_FILE = 'schedules.json';

/** `[S_1]`, which stands for the whole of a sequence that nothing is known of. */
const FIRST_SENTINEL = 5;

const stepSchema = z.object({
  target_domain: z.string(),
  scheme: z.enum(['maskgit', 'roar', 'autoregressive']),
  temperature: z.number(),
  cfg_scale: z.union([z.number(), z.array(z.number())]),
  cfg_cond_domains: z.array(z.string()),
});
const traceSchema = z.object({ schedule: z.array(stepSchema) });
type Step = z.infer<typeof stepSchema>;

interface Trace {
  readonly name: string;
  readonly tensors: Tensors;
  readonly manifest: FmManifest;
  readonly encoder: GraphSession;
  readonly decoder: GraphSession;
  readonly report: Report;
}

/** @throws CompareError where `schedules.json` is not what it should be, or a trace lacks a tensor */
export async function compareTraces(
  { manifest, encoder, decoder }: FmModel,
  folder: string,
  files: readonly string[],
  report: Report,
): Promise<void> {
  if (manifest.kind !== 'fm' || !decoder) return;
  const schedules = await readSchedules(join(folder, SCHEDULES_FILE));
  for (const file of files) {
    const name = file.replace(/\.safetensors$/, '');
    const parsed = traceSchema.safeParse(schedules[name]);
    if (!parsed.success) continue;
    const { schedule } = parsed.data;
    if (schedule.some((step) => Array.isArray(step.cfg_scale))) {
      report.remark(`${name}: not compared, it combines several conditions`);
      continue;
    }
    const tensors = await readTensors(join(folder, file));
    const trace = { name, tensors, manifest, encoder, decoder, report };
    await compareTrace(trace, schedule, folder);
  }
}

async function readSchedules(file: string): Promise<Record<string, unknown>> {
  try {
    return z.record(z.string(), z.unknown()).parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (cause) {
    throw new CompareError(`${file}: cannot be read as a JSON object`, { cause });
  }
}

async function compareTrace(trace: Trace, schedule: readonly Step[], folder: string) {
  const { tensors, manifest } = trace;
  let state: Tensors = Object.fromEntries(
    Object.entries(tensors).flatMap(([name, tensor]) =>
      name.startsWith('in.') ? [[name.slice(3), tensor]] : [],
    ),
  );
  const pixels = await pixelsOf(manifest, folder, state);
  for (const [index, step] of schedule.entries()) {
    const at = `s${String(index).padStart(2, '0')}`;
    const inputs = { tensors: state, modalities: manifest.modalities, pixels };
    if (step.scheme === 'autoregressive') await compareSequence(trace, step, inputs);
    else await comparePicture(trace, at, step, inputs);
    const after = ['tensor', 'input_mask', 'target_mask'].flatMap((part) => {
      const tensor = tensors[`${at}.after.${part}`];
      return tensor ? [[`${step.target_domain}.${part}`, tensor]] : [];
    });
    state = { ...state, ...Object.fromEntries(after) };
  }
}

/** Logits of the positions that a step decoded; pass 0 is the conditional one, pass 1 the other. */
async function comparePicture(trace: Trace, at: string, step: Step, inputs: FmInputs) {
  const { tensors, report } = trace;
  for (const pass of [0, 1]) {
    const prefix = `${at}.fwd${pass}.`;
    const output = Object.keys(tensors).find((name) => name.startsWith(`${prefix}logits`));
    if (output === undefined) continue;
    const { data, dims } = ints(tensors, `${prefix}mod_pos`);
    const [batch = 0, count = 0] = dims;
    const targets = range(batch).map((row) => ({
      positions: Array.from(data.subarray(row * count, (row + 1) * count), Number),
    }));
    const given = pass === 0 ? inputs : withoutConditions(inputs, step.cfg_cond_domains);
    const logits = await decode(trace, given, step.target_domain, targets, false);
    report.values(`${trace.name} ${output}`, logits, floats(tensors, output), {
      logits: true,
      partial: true,
    });
  }
}

/**
 * Logits of every iteration at once, told the ids that the reference picked: at temperature 0 those with the
 * largest logits, after guidance.
 */
async function compareSequence(trace: Trace, step: Step, inputs: FmInputs): Promise<void> {
  const { tensors, report, manifest } = trace;
  const output = 'ar.last_logits';
  if (!tensors[output]) return;
  if (step.temperature > 1e-10) {
    report.remark(`${trace.name} ${output}: not compared, the ids were drawn`);
    return;
  }
  const { target_domain: name, cfg_cond_domains: conditions } = step;
  const weight = Number(step.cfg_scale);
  const all = floats(tensors, output);
  const passes = weight !== 1 && conditions.length > 0 ? 2 : 1;
  const conditional = every(all, passes, 0);
  const unconditional = passes === 2 ? every(all, passes, 1) : undefined;
  const [batch = 0, count = 0] = conditional.dims;
  const positions = boundedPositions(
    range(count),
    fieldOf(manifest.modalities, name, 'modalities'),
  );
  const guided = (value: number, other: number): number => other + (value - other) * weight;
  const targets = range(batch).map((row): Targets => {
    const picked = range(count - 1).map((i) => {
      const given = rowOf(conditional, row * count + i);
      const other = unconditional && rowOf(unconditional, row * count + i);
      return argmax(
        other ? Float32Array.from(given, (value, k) => guided(value, other[k] ?? 0)) : given,
      );
    });
    return { ids: [firstTarget(inputs, name, row), ...picked], positions };
  });
  for (const [pass, expected] of [conditional, unconditional].entries()) {
    if (!expected) continue;
    const given = pass === 0 ? inputs : withoutConditions(inputs, conditions);
    const logits = await decode(trace, given, name, targets, true);
    const label = `${trace.name} ${output}${pass === 0 ? '' : ', unconditional'}`;
    report.values(label, logits, expected, { logits: true });
  }
}

async function decode(
  { manifest, encoder, decoder }: Trace,
  inputs: FmInputs,
  name: string,
  targets: readonly Targets[],
  causal: boolean,
): Promise<FloatTensor> {
  const rows = range(batchSize(inputs)).map((row) =>
    Object.fromEntries(
      manifest.config.domains_in.map((modality) => [modality, visible(inputs, modality, row)]),
    ),
  );
  const { input, outputs } = await encodeRows({ manifest, encoder, decoder }, rows);
  const context = floats(outputs, 'context');
  const feeds = decoderFeeds(manifest, { [name]: targets }, context, input.mask, causal);
  const output = logitsName(name);
  return floats(await decoder.run(feeds, [output]), output);
}

/** The inputs as if nothing were known of some modalities. */
function withoutConditions(inputs: FmInputs, names: readonly string[]): FmInputs {
  const emptied = names.flatMap((name): [string, Tensor][] => {
    const mask = inputs.tensors[`${name}.input_mask`];
    if (!mask) return [];
    const [rows = 0, length = 0] = mask.dims;
    const { type } = fieldOf(inputs.modalities, name, 'modalities');
    // Of a sequence one token stays, and of rows of a text encoder a row of zeros.
    const hidden = range(rows * length).map((i) => type === 'img' || i % length !== 0);
    const masks: [string, Tensor] = [`${name}.input_mask`, bools(hidden, mask.dims)];
    if (type === 'img') return [masks];
    const tensor = fieldOf(inputs.tensors, `${name}.tensor`, 'the inputs');
    const nothing =
      tensor.type === 'float32'
        ? floatTensor(new Float32Array(tensor.data.length), tensor.dims)
        : longs(
            range(rows * length).map(() => FIRST_SENTINEL),
            tensor.dims,
          );
    return [masks, [`${name}.tensor`, nothing]];
  });
  return { ...inputs, tensors: { ...inputs.tensors, ...Object.fromEntries(emptied) } };
}

/** The first id that is to be predicted, which the decoder is told: a sentinel. */
function firstTarget({ tensors }: FmInputs, name: string, row: number): number {
  const mask = tensors[`${name}.target_mask`];
  if (!mask) throw new CompareError(`tensor in.${name}.target_mask is missing`);
  const length = itemAt(mask.dims, 1, 'dims');
  const first = range(length).find((i) => Number(mask.data[row * length + i]) === 0) ?? 0;
  return Number(ints(tensors, `${name}.tensor`).data[row * length + first]);
}

/** Every `stride`-th entry of the second axis, from `first` on. */
function every(tensor: FloatTensor, stride: number, first: number): FloatTensor {
  if (stride === 1) return tensor;
  const [batch = 0, length = 0, columns = 0] = tensor.dims;
  const count = Math.floor(length / stride);
  const data = new Float32Array(batch * count * columns);
  for (const row of range(batch))
    for (const i of range(count))
      data.set(rowOf(tensor, row * length + i * stride + first), (row * count + i) * columns);
  return floatTensor(data, [batch, count, columns]);
}
