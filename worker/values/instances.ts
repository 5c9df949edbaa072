/**
 * SAM instances: soft masks cut to boxes -> masks of the whole picture, without doubles, the largest first.
 * The rules are those of the reference's decoding, except that boxes which lie outside of the picture are
 * left out where the reference fails.
 */

import { itemAt } from '../../shared/lookup.ts';
import { resizeCubic } from './resize.ts';
import { encodeRle, type RunLengths } from './rle.ts';

/** Pixels of the picture; the far edges are not inside. */
export interface PixelBox {
  readonly xmin: number;
  readonly ymin: number;
  readonly xmax: number;
  readonly ymax: number;
}
/** A mask in the frame of its box: (side, side) values from 0 to 1. */
export interface SoftInstance {
  readonly box: PixelBox;
  readonly mask: Float32Array;
}
/** An instance and how many of the given ones it stands for. */
export interface MergedInstance extends SoftInstance {
  readonly votes: number;
}
/** As COCO's annotations: `bbox` is x, y, width, height. */
export interface InstanceMask {
  readonly bbox: readonly [number, number, number, number];
  /** Pixels inside. */
  readonly area: number;
  readonly segmentation: RunLengths;
}

/** Side of the picture that the published models speak of. */
export const PICTURE = 224;
/** A mask whose values hardly differ is none. */
const LEAST_CONTRAST = 0.9;
const SAME_MASK = 0.8;
const SAME_BOX = 0.9;
/** Masks of the whole picture that share this much of their union are one instance. */
const SAME_IN_PICTURE = 0.7;

const boxArea = ({ xmin, ymin, xmax, ymax }: PixelBox): number => (xmax - xmin) * (ymax - ymin);

function boxIou(a: PixelBox, b: PixelBox): number {
  const width = Math.min(a.xmax, b.xmax) - Math.max(a.xmin, b.xmin);
  const height = Math.min(a.ymax, b.ymax) - Math.max(a.ymin, b.ymin);
  const shared = Math.max(0, width) * Math.max(0, height);
  return shared / (boxArea(a) + boxArea(b) - shared);
}

/** Dice coefficient of soft masks, with the reference's allowance for empty ones. */
function dice(a: Float32Array, b: Float32Array): number {
  let [both, sum] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    const [left, right] = [a[i] ?? 0, b[i] ?? 0];
    both += left * right;
    sum += left + right;
  }
  return (2 * (both + 0.01)) / (sum + 0.01);
}

function contrast(mask: Float32Array): number {
  let [low, high] = [Infinity, -Infinity];
  for (const value of mask) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return high - low;
}

const EDGES = ['xmin', 'ymin', 'xmax', 'ymax'] as const;

function average(group: readonly SoftInstance[]): MergedInstance {
  const mean = (edge: (typeof EDGES)[number]): number =>
    Math.trunc(group.reduce((sum, { box }) => sum + box[edge], 0) / group.length);
  const mask = Float32Array.from(itemAt(group, 0, 'a group').mask, (_, i) => {
    let sum = 0;
    for (const other of group) sum += other.mask[i] ?? 0;
    return sum / group.length;
  });
  const box = { xmin: mean('xmin'), ymin: mean('ymin'), xmax: mean('xmax'), ymax: mean('ymax') };
  return { box, mask, votes: group.length };
}

/**
 * The instances without those that are no clear mask; doubles (masks alike by Dice, boxes by their overlap)
 * are averaged with the largest of them. Largest box first.
 */
export function groupInstances(instances: readonly SoftInstance[]): MergedInstance[] {
  const groups: SoftInstance[][] = [];
  const clear = instances.filter(({ mask }) => contrast(mask) >= LEAST_CONTRAST);
  for (const instance of clear.sort((a, b) => boxArea(b.box) - boxArea(a.box))) {
    const group = groups.find(
      ([first]) =>
        first !== undefined &&
        boxIou(first.box, instance.box) > SAME_BOX &&
        dice(first.mask, instance.mask) > SAME_MASK,
    );
    if (group) group.push(instance);
    else groups.push([instance]);
  }
  return groups.map(average);
}

/** Mask of the whole picture, 1 inside. */
export function paint({ box, mask }: SoftInstance, size = PICTURE): Uint8Array {
  const side = Math.sqrt(mask.length);
  const [width, height] = [box.xmax - box.xmin, box.ymax - box.ymin];
  const painted = new Uint8Array(size * size);
  // What lies wholly outside would cost time and show nothing.
  if (box.xmin >= size || box.ymin >= size || width <= 0 || height <= 0) return painted;
  const cut = resizeCubic(mask, [side, side], [height, width]);
  for (let y = 0; y < Math.min(height, size - box.ymin); y++)
    for (let x = 0; x < Math.min(width, size - box.xmin); x++)
      if ((cut[y * width + x] ?? 0) > 0.5) painted[(box.ymin + y) * size + box.xmin + x] = 1;
  return painted;
}

/** Side of a mask in the frame of its box. */
export const MASK_SIDE = 64;

/**
 * The part of a mask of the whole picture that lies in a box, in the frame of the box: what the mask
 * tokenizer takes. The inverse of `paint`, but for what is lost by sampling.
 */
export function cutOut(mask: Uint8Array, box: PixelBox, size = PICTURE): Float32Array {
  const [width, height] = [box.xmax - box.xmin, box.ymax - box.ymin];
  const from = (place: number, length: number): number =>
    Math.floor(((place + 0.5) * length) / MASK_SIDE);
  return Float32Array.from({ length: MASK_SIDE ** 2 }, (_, i) => {
    const row = box.ymin + from(Math.floor(i / MASK_SIDE), height);
    return mask[row * size + box.xmin + from(i % MASK_SIDE, width)] ?? 0;
  });
}

const pixels = (mask: Uint8Array): number => mask.reduce((sum, value) => sum + value, 0);

interface Painted {
  readonly instance: MergedInstance;
  readonly mask: Uint8Array;
  readonly area: number;
}

function coverSame(a: Painted, b: Painted): boolean {
  // No overlap can make up for areas that differ by more.
  if (Math.min(a.area, b.area) <= SAME_IN_PICTURE * Math.max(a.area, b.area)) return false;
  let both = 0;
  for (let i = 0; i < a.mask.length; i++) both += (a.mask[i] ?? 0) & (b.mask[i] ?? 0);
  return both > SAME_IN_PICTURE * (a.area + b.area - both);
}

/** Of every set of instances that cover the same pixels the one most others agree with; ties: the larger. */
function suppress(instances: readonly MergedInstance[], size: number): MergedInstance[] {
  const ranked = instances
    .map((instance): Painted => {
      const mask = paint(instance, size);
      return { instance, mask, area: pixels(mask) };
    })
    .filter(({ area }) => area > 0)
    .sort((a, b) => b.instance.votes - a.instance.votes);
  const distinct: Painted[] = [];
  for (const candidate of ranked)
    if (!distinct.some((other) => coverSame(other, candidate))) distinct.push(candidate);
  return distinct.map(({ instance }) => instance).sort((a, b) => boxArea(b.box) - boxArea(a.box));
}

/**
 * One set of instances out of those of many samples, which is how a picture is segmented densely: each
 * sample asks at other points. Doubles are averaged as within a sample, then what still covers the same
 * pixels is suppressed in favour of what more samples found.
 * @param samples decoded instances of each sample
 * @param size side of the picture in pixels
 * @returns the largest first; `votes` counts the instances that each one stands for
 */
export function mergeInstances(
  samples: readonly (readonly SoftInstance[])[],
  size = PICTURE,
): MergedInstance[] {
  return suppress(groupInstances(samples.flat()), size);
}

/** What a caller gets of an instance; undefined where nothing of it lies within the picture. */
export function annotation(painted: Uint8Array, size = PICTURE): InstanceMask | undefined {
  const area = pixels(painted);
  if (area === 0) return undefined;
  let [xmin, ymin, xmax, ymax] = [size, size, 0, 0];
  for (let i = 0; i < painted.length; i++) {
    if (painted[i] === 0) continue;
    const [x, y] = [i % size, Math.floor(i / size)];
    [xmin, xmax] = [Math.min(xmin, x), Math.max(xmax, x + 1)];
    [ymin, ymax] = [Math.min(ymin, y), Math.max(ymax, y + 1)];
  }
  const bbox = [xmin, ymin, xmax - xmin, ymax - ymin] as const;
  return { bbox, area, segmentation: encodeRle(painted, size, size) };
}

/** The masks in colours over each other, in the order given; (size, size, 3). */
export function overlay(
  masks: readonly Uint8Array[],
  colours: readonly (readonly [number, number, number])[],
  size = PICTURE,
): Uint8Array {
  const picture = new Uint8Array(size * size * 3);
  for (const [index, mask] of masks.entries()) {
    const colour = itemAt(colours, index % colours.length, 'the colours');
    for (let i = 0; i < mask.length; i++) if (mask[i] === 1) picture.set(colour, i * 3);
  }
  return picture;
}
