/** A recorded generation of the PyTorch reference: its schedule, its start, and its random choices. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { TargetPlan } from '../../shared/schedule.ts';
import { argmax, type Chance } from '../../worker/engine/sampling.ts';
import type { SpecialTokens } from '../../worker/engine/spans.ts';
import { fullRows, type TokenState, type VisibleTokens } from '../../worker/engine/tokenState.ts';
import { patches } from './fmFeeds.ts';
import { floats, ints, readTensors, sharedPath } from './shared.ts';

const stepSchema = z.object({
  target_domain: z.string(),
  scheme: z.enum(['maskgit', 'roar', 'autoregressive']),
  num_tokens: z.number().nullable(),
  temperature: z.number(),
  cfg_scale: z.number(),
  cfg_cond_domains: z.array(z.string()),
});
const traceSchema = z.object({
  schedule: z.array(stepSchema),
  top_k: z.number(),
  top_p: z.number(),
  multinomial_patched_to_argmax: z.boolean(),
});
type Step = z.infer<typeof stepSchema>;

/** Special tokens of the reference's vocabulary of 320 ids. */
export const REFERENCE_SPECIALS: SpecialTokens = {
  pad: 0,
  eos: 3,
  sentinel: (k) => 4 + k,
  isSentinel: (id) => id >= 4 && id <= 203,
};

export interface Trace {
  readonly rows: number;
  readonly targets: readonly TargetPlan[];
  readonly conditioning: readonly string[];
  /** Id that ends a sequence: the last target id of the recorded start. */
  readonly stop: number | undefined;
  readonly start: (row: number) => TokenState;
  /** Recorded choices of a row; `errors` receives how far each probability is from the recorded one. */
  readonly chance: (row: number, errors: number[]) => Chance;
  /** Ids by position after a step of the only target, row 0; empty before the first. */
  readonly after: (step: number) => Map<number, number>;
  /** Final ids of a target. */
  readonly expected: (modality: string, row: number) => number[];
}

const schedules = async (): Promise<Record<string, unknown>> =>
  JSON.parse(await readFile(sharedPath('reference/generation/schedules.json'), 'utf8'));

function plans(steps: readonly Step[], topK: number, topP: number, targets: number): TargetPlan[] {
  const names = [...new Set(steps.map((step) => step.target_domain))];
  return names.map((modality) => {
    const own = steps.filter((step) => step.target_domain === modality);
    const { scheme, temperature, cfg_scale } = own[0]!;
    const sequence = scheme === 'autoregressive';
    return {
      modality,
      scheme,
      counts: sequence ? [] : own.map((step) => step.num_tokens!),
      stepTemperatures: sequence ? [] : own.map((step) => step.temperature),
      temperature,
      topK,
      topP,
      guidanceScale: cfg_scale,
      maxTokens: targets,
    };
  });
}

/** @param name file name without its ending */
export async function readTrace(name: string): Promise<Trace> {
  const all = await schedules();
  const { schedule, top_k, top_p, ...rest } = traceSchema.parse(all[name]);
  const tensors = await readTensors(sharedPath(`reference/generation/${name}.safetensors`));
  const inputs = Object.keys(tensors).flatMap(
    (key) => /^in\.(.*)\.input_mask$/.exec(key)?.[1] ?? [],
  );
  const rows = tensors[`in.${inputs[0]}.input_mask`]!.dims[0]!;
  const rgb = await readTensors(sharedPath('reference/shared/rgb224.safetensors'));
  const pixels = floats(rgb, Object.keys(rgb)[0]!).data;

  const open = (modality: string, mask: 'input' | 'target', row: number): number[] => {
    const { dims, data } = tensors[`in.${modality}.${mask}_mask`]!;
    const length = dims[1]!;
    return Array.from({ length }, (_, i) => i).filter((i) => Number(data[row * length + i]) === 0);
  };
  const idsAt = (modality: string, row: number, positions: readonly number[]): number[] => {
    const { dims, data } = ints(tensors, `in.${modality}.tensor`);
    return positions.map((i) => Number(data[row * dims[1]! + i]));
  };
  const start = (row: number): TokenState => {
    const state = new Map<string, VisibleTokens>();
    for (const modality of inputs) {
      const visible = open(modality, 'input', row);
      if (visible.length === 0) continue;
      if (modality.startsWith('rgb@')) {
        const image = pixels.map((value) => (row === 1 ? -0.6 * value : value));
        const rowsOfFloats = patches(image, 224, 16).flatMap((patch) => [...patch]);
        state.set(modality, fullRows(Float32Array.from(rowsOfFloats), 768));
        continue;
      }
      const grid = modality.startsWith('tok_');
      state.set(modality, {
        positions: grid ? visible : visible.map((_, i) => i),
        content: { kind: 'ids', ids: idsAt(modality, row, visible) },
      });
    }
    return state;
  };

  const last = schedule.at(-1)!;
  const sequence = last.scheme === 'autoregressive';
  const targetIds = sequence
    ? idsAt(last.target_domain, 0, open(last.target_domain, 'target', 0))
    : [];
  const limit = last.target_domain === 'color_palette' ? 23 : 256;
  const stepIndex = (target: string, step: number): string => {
    const offset = schedule.findIndex((entry) => entry.target_domain === target);
    return `s${String(offset + step).padStart(2, '0')}`;
  };
  const decoded = (target: string, step: number, row: number): number[] => {
    const { dims, data } = ints(tensors, `${stepIndex(target, step)}.fwd0.mod_pos`);
    return Array.from(data.subarray(row * dims[1]!, (row + 1) * dims[1]!), Number);
  };
  const chance = (row: number, errors: number[]): Chance => ({
    shuffle: (positions, target, step) => {
      const order = decoded(target, step, row);
      assert.ok(order.every((position) => positions.includes(position)));
      return order;
    },
    pick: (probabilities, { target, step, position }) => {
      const at = stepIndex(target, step);
      const order = decoded(target, step, row);
      const index = row * order.length + order.indexOf(position);
      const id = Number(ints(tensors, `${at}.samples_flat`).data[index]);
      const probability = floats(tensors, `${at}.sampled_probs_flat`).data[index]!;
      errors.push(Math.abs(probabilities[id]! - probability));
      return rest.multinomial_patched_to_argmax ? argmax(probabilities) : id;
    },
  });
  return {
    rows,
    targets: plans(schedule, top_k, top_p, Math.min(targetIds.length, limit)),
    conditioning: schedule[0]!.cfg_cond_domains,
    stop: targetIds.at(-1),
    start,
    chance,
    after: (step) => {
      const at = `s${String(step).padStart(2, '0')}.after`;
      if (step < 0) return new Map();
      const hidden = tensors[`${at}.input_mask`]!.data;
      const ids = Array.from(ints(tensors, `${at}.tensor`).data, Number);
      return new Map([...ids.entries()].filter(([i]) => Number(hidden[i]) === 0));
    },
    expected: (modality, row) => {
      const { dims, data } = ints(tensors, `out.${modality}.tensor`);
      return Array.from(data.subarray(row * dims[1]!, (row + 1) * dims[1]!), Number);
    },
  };
}
