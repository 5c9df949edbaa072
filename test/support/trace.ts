/** A recorded generation of the PyTorch reference: its schedule, its start, and what came of each step. */

import { readFile } from 'node:fs/promises';
import * as z from 'zod';
import { NO_FILTERS } from '../../shared/plan/filters.ts';
import type { TargetPlan } from '../../shared/plan/targetPlan.ts';
import type { SpecialTokens } from '../../worker/engine/spans.ts';
import { fullRows, type TokenState, type VisibleTokens } from '../../worker/engine/tokenState.ts';
import type { Tensor } from '../../worker/session/types.ts';
import { patches } from './fmFeeds.ts';
import { floats, ints, readTensors, sharedPath } from './shared.ts';

const stepSchema = z.object({
  target_domain: z.string(),
  scheme: z.enum(['maskgit', 'roar', 'autoregressive']),
  num_tokens: z.number().nullable(),
  temperature: z.number(),
  cfg_scale: z.union([z.number(), z.array(z.number())]),
  cfg_cond_domains: z.array(z.string()),
});
const traceSchema = z.object({
  schedule: z.array(stepSchema),
  top_k: z.number().default(0),
  top_p: z.number().default(0),
  multinomial_patched_to_argmax: z.boolean().default(false),
});
type Step = z.infer<typeof stepSchema>;

/** Special tokens of the reference's vocabulary of 320 ids. */
export const REFERENCE_SPECIALS: SpecialTokens = {
  pad: 0,
  eos: 3,
  sentinel: (k) => 4 + k,
  isSentinel: (id) => id >= 4 && id <= 203,
};

/** What was recorded of one step of a picture-like target, for one row of the batch. */
export interface RecordedStep {
  /** Predicted positions, in the order of the other lists. */
  readonly positions: readonly number[];
  /** Drawn ids and their probabilities; absent where only the kept ones were recorded. */
  readonly ids?: readonly number[];
  readonly probabilities?: readonly number[];
  /** Positions that MaskGIT kept. */
  readonly kept?: readonly number[];
  /** Logits of the first of the positions, guidance applied. */
  readonly logits: readonly Float64Array[];
  /** Ids by position after the step. */
  readonly after: ReadonlyMap<number, number>;
}

export interface Trace {
  readonly rows: number;
  readonly targets: readonly TargetPlan[];
  readonly conditioning: readonly string[];
  /** Id that ends a sequence: the last target id of the recorded start. */
  readonly stop: number | undefined;
  /** Where the most likely id was taken in place of a draw, above temperature 0 too. */
  readonly greedy: boolean;
  readonly start: (row: number) => TokenState;
  readonly step: (target: string, step: number, row: number) => RecordedStep;
  /** Final ids of a target. */
  readonly expected: (modality: string, row: number) => number[];
}

type Tensors = Record<string, Tensor>;

/** One row of a tensor, of any shape, as numbers. */
function rowNumbers({ data, dims }: Tensor, row: number): number[] {
  const size = data.length / dims[0]!;
  return Array.from({ length: size }, (_, i) => Number(data[row * size + i]));
}

/** Places of a row at which a mask is false: visible to the encoder, or to be predicted. */
const open = (tensors: Tensors, name: string, row: number): number[] =>
  rowNumbers(tensors[name]!, row).flatMap((masked, i) => (masked === 0 ? [i] : []));

function plans(
  steps: readonly Step[],
  { top_k, top_p }: z.infer<typeof traceSchema>,
  maxTokens: number,
  weighted: readonly string[],
): TargetPlan[] {
  const names = [...new Set(steps.map((step) => step.target_domain))];
  return names.map((modality) => {
    const own = steps.filter((step) => step.target_domain === modality);
    const { scheme, temperature, cfg_scale } = own[0]!;
    const sequence = scheme === 'autoregressive';
    const weights = Array.isArray(cfg_scale) ? cfg_scale : undefined;
    return {
      modality,
      scheme,
      counts: sequence ? [] : own.map((step) => step.num_tokens!),
      stepTemperatures: sequence ? [] : own.map((step) => step.temperature),
      temperature,
      filters: { ...NO_FILTERS, topK: top_k, topP: top_p },
      guidanceScale: typeof cfg_scale === 'number' ? cfg_scale : 1,
      ...(weights && {
        guidance: Object.fromEntries(weighted.map((name, i) => [name, weights[i]!])),
      }),
      maxTokens,
    };
  });
}

async function readPixels(): Promise<Float32Array> {
  const rgb = await readTensors(sharedPath('reference/shared/rgb224.safetensors'));
  return floats(rgb, Object.keys(rgb)[0]!).data;
}

/** Visible tokens of the recorded start, by modality. */
function startState(tensors: Tensors, pixels: Float32Array, row: number): TokenState {
  const state = new Map<string, VisibleTokens>();
  const addPicture = (modality: string): void => {
    // The second row of a batch is another picture.
    const image = pixels.map((value) => (row === 1 ? -0.6 * value : value));
    const rows = patches(image, 224, 16).flatMap((patch) => [...patch]);
    state.set(modality, fullRows(Float32Array.from(rows), 768));
  };
  for (const key of Object.keys(tensors)) {
    const [, prefix, modality] = /^(in\.(?:uncond\.|cond\d\.)?)(.*)\.input_mask$/.exec(key) ?? [];
    if (modality === undefined) continue;
    const visible = open(tensors, key, row);
    if (visible.length === 0) continue;
    if (modality.startsWith('rgb@')) {
      addPicture(modality);
      continue;
    }
    const ids = rowNumbers(tensors[`${prefix}${modality}.tensor`]!, row);
    state.set(modality, {
      positions: modality.startsWith('tok_') ? visible : visible.map((_, i) => i),
      content: { kind: 'ids', ids: visible.map((i) => ids[i]!) },
    });
  }
  // Of several conditions the first is the whole picture, which was not written down.
  if (Object.keys(tensors).some((key) => key.startsWith('in.cond1.'))) addPicture('rgb@224');
  return state;
}

/** Logits of a row with guidance applied, position after position; as many as were recorded. */
function logitsOf(tensors: Tensors, at: string, scale: number, row: number): Float64Array[] {
  const recorded = (pass: string): Tensor | undefined =>
    ['logits', 'logits_first48', 'logits_first8'].flatMap(
      (name) => tensors[`${at}${pass}.${name}`] ?? [],
    )[0];
  const conditional = recorded('') ?? recorded('.fwd0');
  if (!conditional) return [];
  const unconditional = recorded('.fwd1');
  const given = rowNumbers(conditional, row);
  const other = unconditional && rowNumbers(unconditional, row);
  const all = Float64Array.from(given, (value, i) =>
    other ? other[i]! + (value - other[i]!) * scale : value,
  );
  const vocabulary = conditional.dims.at(-1)!;
  return Array.from({ length: all.length / vocabulary }, (_, i) =>
    all.subarray(i * vocabulary, (i + 1) * vocabulary),
  );
}

/** @param name file name without its ending */
export async function readTrace(name: string): Promise<Trace> {
  const all: Record<string, unknown> = JSON.parse(
    await readFile(sharedPath('reference/generation/schedules.json'), 'utf8'),
  );
  const settings = traceSchema.parse(all[name]);
  const { schedule } = settings;
  const tensors = await readTensors(sharedPath(`reference/generation/${name}.safetensors`));
  const pixels = await readPixels();
  const last = schedule.at(-1)!;
  const targetOf = (row: number): number[] => {
    const ids = rowNumbers(tensors[`in.${last.target_domain}.tensor`]!, row);
    return open(tensors, `in.${last.target_domain}.target_mask`, row).map((i) => ids[i]!);
  };
  const targetIds = last.scheme === 'autoregressive' ? targetOf(0) : [];
  const limit = last.target_domain === 'color_palette' ? 23 : 256;
  const targets = plans(schedule, settings, Math.min(targetIds.length, limit), [
    'rgb@224',
    'caption',
  ]);
  const firstMask = Object.keys(tensors).find((key) => /^in\..*\.input_mask$/.test(key))!;

  const step = (target: string, index: number, row: number): RecordedStep => {
    const offset = schedule.findIndex((entry) => entry.target_domain === target);
    const named = (i: number): string => `s${String(offset + i).padStart(2, '0')}`;
    const at = named(index);
    const { guidanceScale } = targets.find(({ modality }) => modality === target)!;
    const before = index > 0 ? afterStep(named(index - 1), target, row) : new Map();
    const order = tensors[`${at}.fwd0.mod_pos`];
    const size = rowNumbers(tensors[`out.${target}.tensor`]!, row).length;
    const unsettled = Array.from({ length: size }, (_, i) => i).filter((i) => !before.has(i));
    const positions = order ? rowNumbers(order, row) : unsettled;
    // Rows of a batch are one after the other in these.
    const flat = (part: string): number[] | undefined => {
      const tensor = tensors[`${at}.${part}`];
      if (!tensor) return undefined;
      const from = row * positions.length;
      return Array.from(tensor.data.slice(from, from + positions.length), Number);
    };
    const kept = tensors[`${at}.top_indices`];
    const ids = flat('samples_flat');
    const probabilities = flat('sampled_probs_flat');
    return {
      positions,
      ...(ids && { ids }),
      ...(probabilities && { probabilities }),
      ...(kept && { kept: rowNumbers(kept, row).map((i) => positions[i]!) }),
      logits: logitsOf(tensors, at, guidanceScale, row),
      after: afterStep(at, target, row),
    };
  };
  const afterStep = (at: string, target: string, row: number): Map<number, number> => {
    const visible = tensors[`${at}.after.input_mask`];
    if (visible) {
      const ids = rowNumbers(tensors[`${at}.after.tensor`]!, row);
      return new Map(open(tensors, `${at}.after.input_mask`, row).map((i) => [i, ids[i]!]));
    }
    // Only what was kept at each step: all of it up to this one.
    const settled = new Map<number, number>();
    for (let i = 0; i <= Number(at.slice(1)); i++) {
      const name = `s${String(i).padStart(2, '0')}`;
      const size = rowNumbers(tensors[`out.${target}.tensor`]!, row).length;
      const rest = Array.from({ length: size }, (_, p) => p).filter((p) => !settled.has(p));
      const samples = rowNumbers(tensors[`${name}.top_samples`]!, row);
      for (const [k, index] of rowNumbers(tensors[`${name}.top_indices`]!, row).entries())
        settled.set(rest[index]!, samples[k]!);
    }
    return settled;
  };
  return {
    rows: tensors[firstMask]!.dims[0]!,
    targets,
    conditioning: schedule[0]!.cfg_cond_domains,
    stop: targetIds.at(-1),
    greedy: settings.multinomial_patched_to_argmax,
    start: (row) => startState(tensors, pixels, row),
    step,
    expected: (modality, row) => rowNumbers(ints(tensors, `out.${modality}.tensor`), row),
  };
}
