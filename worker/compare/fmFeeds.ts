/** Feeds for the graphs of an FM or a backbone from plain lists of tokens. */
import { fieldOf, itemAt } from '../../shared/lookup.ts';
import { contentInput, idsName, positionsName } from '../../shared/model/graphNames.ts';
import type { FmManifest, FmVitManifest } from '../../shared/model/manifest.ts';
import type { Tensor } from '../session/types.ts';
import { floatTensor } from './tensors.ts';

/** Visible tokens of one modality in one batch row; `content` is ids, or rows of floats. */
export interface Tokens {
  readonly content: readonly number[] | readonly Float32Array[];
  readonly positions: readonly number[];
}
export type Row = Readonly<Record<string, Tokens>>;

export const longs = (values: readonly number[], dims: readonly number[]): Tensor => ({
  type: 'int64',
  dims,
  data: BigInt64Array.from(values, BigInt),
});
export const bools = (values: readonly (boolean | number)[], dims: readonly number[]): Tensor => ({
  type: 'bool',
  dims,
  data: Uint8Array.from(values, Number),
});
const padded = (values: readonly number[], length: number): number[] => [
  ...values,
  ...Array.from({ length: length - values.length }, () => 0),
];

export interface EncoderFeeds {
  readonly feeds: Record<string, Tensor>;
  readonly mask: Tensor;
  /** Tokens per row, padding included. */
  readonly length: number;
  /** Where the first token of a modality lies in every row, register tokens not counted. */
  readonly start: Readonly<Record<string, number>>;
}

/** Encoder feeds for a batch whose rows may differ in length: each modality is padded to its longest row. */
export function encoderFeeds(
  { config, modalities }: FmManifest | FmVitManifest,
  rows: readonly Row[],
): EncoderFeeds {
  const feeds: Record<string, Tensor> = {};
  const start: Record<string, number> = {};
  const masks: boolean[][] = rows.map(() => []);
  let length = 0;
  for (const name of config.domains_in) {
    const input = contentInput(name, fieldOf(modalities, name, 'modalities'));
    const counts = rows.map((row) => row[name]?.positions.length ?? 0);
    const n = Math.max(...counts);
    start[name] = length;
    length += n;
    for (const [i, count] of counts.entries())
      for (let k = 0; k < n; k++) itemAt(masks, i, 'rows').push(k >= count);
    feeds[positionsName(name)] = longs(
      rows.flatMap((row) => padded(row[name]?.positions ?? [], n)),
      [rows.length, n],
    );
    if (input.kind === 'ids') {
      feeds[input.name] = longs(
        rows.flatMap((row) => padded((row[name]?.content ?? []) as number[], n)),
        [rows.length, n],
      );
      continue;
    }
    const { width } = input;
    const data = new Float32Array(rows.length * n * width);
    for (const [i, row] of rows.entries())
      for (const [k, values] of ((row[name]?.content ?? []) as Float32Array[]).entries())
        data.set(values, (i * n + k) * width);
    feeds[input.name] = floatTensor(data, [rows.length, n, width]);
  }
  const mask = bools(masks.flat(), [rows.length, length]);
  return { feeds: { ...feeds, mask }, mask, length, start };
}

/** What is decoded of one modality in one batch row; sequences are told the ids so far. */
export interface Targets {
  readonly ids?: readonly number[];
  readonly positions: readonly number[];
}

/** Decoder feeds: targets of any modalities, the others empty; each row has the same number of them. */
export function decoderFeeds(
  { config, modalities }: FmManifest,
  targets: Readonly<Record<string, readonly Targets[]>>,
  context: Tensor,
  mask: Tensor,
  causal: boolean,
): Record<string, Tensor> {
  const batch = itemAt(context.dims, 0, 'the shape of a context');
  const feeds: Record<string, Tensor> = { context, mask, causal: bools([causal], []) };
  for (const name of config.domains_out) {
    const rows = targets[name] ?? Array.from({ length: batch }, () => ({ ids: [], positions: [] }));
    const dims = [batch, rows[0]?.positions.length ?? 0];
    feeds[positionsName(name)] = longs(
      rows.flatMap((row) => [...row.positions]),
      dims,
    );
    if (fieldOf(modalities, name, 'modalities').type === 'seq')
      feeds[idsName(name)] = longs(
        rows.flatMap((row) => [...(row.ids ?? [])]),
        dims,
      );
  }
  return feeds;
}

/** Patches of (C, H, W) pixels in grid order, each (row, column, channel) with the channel fastest. */
export function patches(pixels: Float32Array, size: number, side: number): Float32Array[] {
  const grid = size / side;
  return Array.from({ length: grid * grid }, (_, n) => {
    const top = Math.floor(n / grid) * side;
    const left = (n % grid) * side;
    const patch = new Float32Array(3 * side * side);
    for (let r = 0; r < side; r++)
      for (let c = 0; c < side; c++)
        for (let channel = 0; channel < 3; channel++)
          patch[(r * side + c) * 3 + channel] =
            pixels[(channel * size + top + r) * size + left + c] ?? 0;
    return patch;
  });
}

/** `[0, 1, ..., length - 1]` */
export const range = (length: number): number[] => Array.from({ length }, (_, i) => i);
