/** The reference's FM inputs (tensors with masks, 1 = masked) as lists of tokens. */
import type { Tensor } from '../../worker/session/types.ts';
import { type EncoderFeeds, patches, type Row, range, type Tokens } from './fmFeeds.ts';
import { ints } from './shared.ts';

type Tensors = Readonly<Record<string, Tensor>>;

/** Row `index` of the last but one axis, the batch and token axes taken as one. */
export const rowOf = (
  { data, dims }: { data: Float32Array; dims: readonly number[] },
  index: number,
) => data.subarray(index * dims.at(-1)!, (index + 1) * dims.at(-1)!);

/** Visible tokens of a batch row from the reference's tensors and masks (1 = masked). */
export function visible(inputs: Tensors, pixels: Float32Array, name: string, row: number): Tokens {
  const mask = inputs[`${name}.input_mask`]!;
  const length = mask.dims[1]!;
  const kept = range(length).filter((i) => Number(mask.data[row * length + i]) === 0);
  if (name.startsWith('rgb@')) {
    const all = patches(pixels, 224, 16);
    return { content: kept.map((i) => all[i]!), positions: kept };
  }
  const tensor = inputs[`${name}.tensor`]!;
  if (tensor.type === 'float32') {
    const content = kept.map((i) => rowOf(tensor, row * length + i));
    return { content, positions: range(kept.length) };
  }
  const content = kept.map((i) => Number(tensor.data[row * length + i]));
  // Pictures count by place in the grid, sequences by valid tokens.
  const isGrid = name.startsWith('tok_');
  return { content, positions: isGrid ? kept : range(kept.length) };
}

/** Our rows of tokens in the reference's order: its modality order, valid tokens only. */
export const inOrder = (order: readonly string[], row: Row, { start }: EncoderFeeds): number[] =>
  order.flatMap((name) => range(row[name]?.positions.length ?? 0).map((k) => start[name]! + k));

/** Targets of batch row 0 as the reference trains on them: sequences are shifted by one. */
export function trainTargets(
  inputs: Tensors,
  name: string,
): { ids: number[]; positions: number[] } {
  const mask = inputs[`${name}.target_mask`]!;
  const ids = ints(inputs, `${name}.tensor`).data;
  const length = mask.dims[1]!;
  const isTarget = (i: number) => Number(mask.data[i]) === 0;
  if (name.startsWith('tok_')) return { ids: [], positions: range(length).filter(isTarget) };
  const kept = range(length - 1).filter((i) => isTarget(i) && isTarget(i + 1));
  const first = range(length).find(isTarget) ?? 0;
  return { ids: kept.map((i) => Number(ids[i])), positions: kept.map((i) => i - first) };
}
