/** The reference's FM inputs (tensors with masks, 1 = masked) as lists of tokens. */

import { createHash } from 'node:crypto';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { fieldOf, itemAt, present } from '../../shared/lookup.ts';
import type { FmManifest, FmVitManifest } from '../../shared/model/manifest.ts';
import type { ModalityInfo } from '../../shared/model/modalities.ts';
import type { FloatTensor, Tensor } from '../session/types.ts';
import { CompareError } from './errors.ts';
import { patches, range, type Targets, type Tokens } from './fmFeeds.ts';
import { batchRow, floats, readTensors, rowOf, type Tensors } from './tensors.ts';

type Modalities = Readonly<Record<string, ModalityInfo>>;

/** Rows after the first are made of it: the reference's second row is the first times this. */
const SECOND_ROW = -0.6;

/** Pixels of a batch, one (1, 3, S, S) a row. */
export type Pixels = (row: number) => FloatTensor;

/**
 * The picture of a case: `rgb{size}.safetensors` in its folder or in the folder `shared` beside it.
 * @throws CompareError where neither is there
 */
export async function loadPixels(folder: string, size: number): Promise<Pixels> {
  const name = `rgb${size}.safetensors`;
  const places = [join(folder, name), join(folder, '..', 'shared', name)];
  for (const place of places) {
    const there = await access(place).then(
      () => true,
      () => false,
    );
    if (there) return rowsOfPicture(floats(await readTensors(place), 'rgb'), place);
  }
  throw new CompareError(
    `${places[0]}: the picture of the case is neither there nor at ${places[1]}`,
  );
}

/** As many rows as the tensor has; a tensor of one has a second row in the reference. */
export function rowsOfPicture(rgb: FloatTensor, place: string): Pixels {
  return (row) => {
    if (row < itemAt(rgb.dims, 0, 'dims')) return batchRow(rgb, row);
    if (row === 1) {
      const first = batchRow(rgb, 0);
      return { ...first, data: first.data.map((value) => SECOND_ROW * value) };
    }
    throw new CompareError(`${place}: holds no picture for row ${row} of the batch`);
  };
}

/** Pixels of the modalities that are seen; their tensors may lie among the inputs. */
export async function pixelsOf(
  manifest: FmManifest | FmVitManifest,
  folder: string,
  tensors: Tensors,
): Promise<Record<string, Pixels>> {
  const pixels: Record<string, Pixels> = {};
  for (const name of manifest.config.domains_in) {
    const info = fieldOf(manifest.modalities, name, 'modalities');
    const mask = tensors[`${name}.input_mask`];
    if (!info.pixels || !mask || Array.from(mask.data, Number).every((masked) => masked === 1))
      continue;
    pixels[name] = tensors[`${name}.tensor`]
      ? rowsOfPicture(floats(tensors, `${name}.tensor`), folder)
      : await loadPixels(folder, present(info.input_size, `input_size of ${name}`));
  }
  return pixels;
}

/** Tensors `M.tensor`, `M.input_mask`, `M.target_mask` ..., and what is known of the modalities. */
export interface FmInputs {
  readonly tensors: Tensors;
  readonly modalities: Modalities;
  /** By the name of a pixel modality. */
  readonly pixels: Readonly<Record<string, Pixels>>;
}

function tensorOf({ tensors }: FmInputs, name: string): Tensor {
  const tensor = tensors[name];
  if (!tensor) throw new CompareError(`tensor ${name} is missing among the inputs`);
  return tensor;
}

/** Rows of the batch, as the masks have them. */
export function batchSize({ tensors }: FmInputs): number {
  const mask = Object.entries(tensors).find(([name]) => name.endsWith('.input_mask'));
  if (!mask) throw new CompareError('the inputs have no M.input_mask');
  return itemAt(mask[1].dims, 0, 'dims');
}

/**
 * Visible tokens of a batch row; none where the inputs do not have the modality.
 * @param maskRow the row whose mask is taken, where it is not the row's own
 */
export function visible(inputs: FmInputs, name: string, row: number, maskRow = row): Tokens {
  const mask = inputs.tensors[`${name}.input_mask`];
  if (!mask) return { content: [], positions: [] };
  const info = fieldOf(inputs.modalities, name, 'modalities');
  const length = itemAt(mask.dims, 1, 'dims');
  const kept = range(length).filter((i) => Number(mask.data[maskRow * length + i]) === 0);
  // Pictures count by place in the grid, sequences by valid tokens.
  const positions = info.type === 'img' ? kept : range(kept.length);
  if (kept.length === 0) return { content: [], positions: [] };
  if (info.pixels) {
    const { data, dims } = fieldOf(inputs.pixels, name, 'pictures')(row);
    const all = patches(
      data,
      itemAt(dims, 3, 'dims'),
      present(info.patch_size, `patch_size of ${name}`),
    );
    return { content: kept.map((i) => itemAt(all, i, 'patches')), positions };
  }
  const tensor = tensorOf(inputs, `${name}.tensor`);
  const content =
    tensor.type === 'float32'
      ? kept.map((i) => rowOf(tensor, row * length + i))
      : kept.map((i) => Number(tensor.data[row * length + i]));
  return { content, positions } as Tokens;
}

/** Positions at or past the bound of a sequence count as the first one, as in the reference. */
export const boundedPositions = (positions: readonly number[], info: ModalityInfo): number[] => {
  const bound = info.max_length ?? info.max_tokens;
  return positions.map((position) => (position >= bound ? 0 : position));
};

/** Targets of a batch row as the reference trains on them: sequences are shifted by one. */
export function trainTargets(inputs: FmInputs, name: string, row: number): Targets {
  const mask = inputs.tensors[`${name}.target_mask`];
  if (!mask) return { ids: [], positions: [] };
  const info = fieldOf(inputs.modalities, name, 'modalities');
  const length = itemAt(mask.dims, 1, 'dims');
  const targets = range(length).filter((i) => Number(mask.data[row * length + i]) === 0);
  if (info.type === 'img') return { ids: [], positions: targets };
  const { data } = tensorOf(inputs, `${name}.tensor`);
  const isTarget = new Set(targets);
  // Position counts targets, over those that are followed by another.
  const counted = targets.map((i, position) => ({ i, position }));
  const kept = counted.filter(({ i }) => isTarget.has(i + 1));
  return {
    ids: kept.map(({ i }) => Number(data[row * length + i])),
    positions: boundedPositions(
      kept.map(({ position }) => position),
      info,
    ),
  };
}

/** The number by which the reference tells modalities apart. */
export const modalityId = (name: string): number =>
  createHash('sha256').update(name).digest().readUInt16BE(30) % 2 ** 15;
