/** The numbers of the quality table, each as a pure function of predictions and ground truth. */

import { itemAt } from '../../../shared/lookup.ts';
import type { Counts } from './row.ts';

/**
 * Mean |d' - d| / d over the pixels where `valid`, after the per-picture least-squares scale and shift of
 * the prediction (4M's depth is relative: it is standardised per picture).
 */
export function absoluteRelativeError(
  predicted: ArrayLike<number>,
  truth: ArrayLike<number>,
  valid: ArrayLike<boolean | number>,
): number {
  let n = 0;
  let sumX = 0;
  let sumY = 0;
  let sumXX = 0;
  let sumXY = 0;
  for (let i = 0; i < truth.length; i++) {
    if (!valid[i]) continue;
    const x = itemAt(predicted, i, 'predicted');
    const y = itemAt(truth, i, 'truth');
    n++;
    sumX += x;
    sumY += y;
    sumXX += x * x;
    sumXY += x * y;
  }
  const spread = n * sumXX - sumX * sumX;
  const scale = spread === 0 ? 0 : (n * sumXY - sumX * sumY) / spread;
  const shift = (sumY - scale * sumX) / n;
  let error = 0;
  for (let i = 0; i < truth.length; i++) {
    if (valid[i])
      error +=
        Math.abs(scale * itemAt(predicted, i, 'predicted') + shift - itemAt(truth, i, 'truth')) /
        itemAt(truth, i, 'truth');
  }
  return error / n;
}

/** Mean angle in degrees between RGB-coded normals (H*W*3 bytes each) over the pixels where `valid`. */
export function meanAngle(
  predicted: ArrayLike<number>,
  truth: ArrayLike<number>,
  valid: ArrayLike<boolean | number>,
): { sum: number; count: number } {
  let sum = 0;
  let count = 0;
  for (let i = 0; i < truth.length / 3; i++) {
    if (!valid[i]) continue;
    let dot = 0;
    let a = 0;
    let b = 0;
    for (let c = 0; c < 3; c++) {
      const p = itemAt(predicted, 3 * i + c, 'predicted') / 127.5 - 1;
      const t = itemAt(truth, 3 * i + c, 'truth') / 127.5 - 1;
      dot += p * t;
      a += p * p;
      b += t * t;
    }
    const cosine = dot / Math.max(1e-6, Math.sqrt(a * b));
    sum += (Math.acos(Math.min(1, Math.max(-1, cosine))) * 180) / Math.PI;
    count++;
  }
  return { sum, count };
}

/** Pixels of an edge map (0 or more than half of the largest level), each at its very place. */
export function edgeCounts(predicted: ArrayLike<number>, truth: ArrayLike<number>): Counts {
  const largest = Math.max(1, ...Array.from(predicted));
  let [both, told, real] = [0, 0, 0];
  for (let i = 0; i < truth.length; i++) {
    const isTold = (predicted[i] ?? 0) * 2 > largest;
    const isReal = (truth[i] ?? 0) > 0;
    if (isTold) told++;
    if (isReal) real++;
    if (isTold && isReal) both++;
  }
  return { both, predicted: told, true: real };
}

/** Intersections and unions per class, summed over pictures. */
export function createIouCounter(classes: number): {
  add(predicted: ArrayLike<number>, truth: ArrayLike<number>): void;
  /** Mean over the classes that occur. */
  mean(): number;
} {
  const intersection = new Float64Array(classes);
  const union = new Float64Array(classes);
  return {
    add(predicted, truth) {
      for (let i = 0; i < truth.length; i++) {
        const p = itemAt(predicted, i, 'predicted');
        const t = itemAt(truth, i, 'truth');
        if (p === t) {
          intersection[t] = itemAt(intersection, t, 'intersection') + 1;
          union[t] = itemAt(union, t, 'union') + 1;
        } else {
          union[t] = itemAt(union, t, 'union') + 1;
          if (p < classes) union[p] = itemAt(union, p, 'union') + 1;
        }
      }
    },
    mean() {
      const present = [...union.keys()].filter((c) => itemAt(union, c, 'union') > 0);
      return (
        present.reduce(
          (sum, c) => sum + itemAt(intersection, c, 'intersection') / itemAt(union, c, 'union'),
          0,
        ) / present.length
      );
    },
  };
}

export type Box = readonly [xmin: number, ymin: number, xmax: number, ymax: number];
export interface LabelledBox {
  readonly box: Box;
  readonly label: string;
}

/** Intersection over union of two boxes. */
export function boxIou(a: Box, b: Box): number {
  const width = Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0]));
  const height = Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]));
  const area = (box: Box): number => (box[2] - box[0]) * (box[3] - box[1]);
  const shared = width * height;
  return shared / Math.max(1e-9, area(a) + area(b) - shared);
}

/** For every true box, the IoU of the best predicted box of the same class (0 where there is none). */
export const bestIous = (
  predicted: readonly LabelledBox[],
  truth: readonly LabelledBox[],
): number[] =>
  truth.map((t) =>
    Math.max(0, ...predicted.filter((p) => p.label === t.label).map((p) => boxIou(p.box, t.box))),
  );

const COLOURS = ['red', 'green', 'blue', 'yellow', 'purple', 'cyan'];
const SHAPES = ['sphere', 'box', 'cylinder', 'cone'];

/** The (colour, shape) pairs a caption names, sorted: what it says is there, wherever. */
export function namedObjects(caption: string): string {
  const words = caption.toLowerCase().match(/[a-z]+/g) ?? [];
  return words
    .flatMap((word, i) =>
      COLOURS.includes(word) && SHAPES.includes(words[i + 1] ?? '')
        ? [`${word} ${words[i + 1]}`]
        : [],
    )
    .sort()
    .join(', ');
}

/** The pairs from left to right, as the caption orders them; a caption that does not has them as it says them. */
export function orderedObjects(caption: string): string {
  const words = caption.toLowerCase().match(/[a-z]+/g) ?? [];
  const pairs = words.flatMap((word, i) =>
    COLOURS.includes(word) && SHAPES.includes(words[i + 1] ?? '')
      ? [`${word} ${words[i + 1]}`]
      : [],
  );
  return (/\bright of\b/.test(caption) ? pairs.reverse() : pairs).join(', ');
}

/** The shapes from left to right, whatever their colours and sizes. */
export const orderedShapes = (caption: string): string =>
  (orderedObjects(caption).match(/[a-z]+/g) ?? [])
    .filter((word) => SHAPES.includes(word))
    .join(' ');

/** Cosine of two vectors. */
export function cosine(a: readonly number[], b: readonly number[]): number {
  let dot = 0;
  let aa = 0;
  let bb = 0;
  for (let i = 0; i < a.length; i++) {
    dot += itemAt(a, i, 'a') * itemAt(b, i, 'b');
    aa += itemAt(a, i, 'a') ** 2;
    bb += itemAt(b, i, 'b') ** 2;
  }
  return dot / Math.max(1e-12, Math.sqrt(aa * bb));
}

/** True when one of the `k` candidates nearest to `query` satisfies `right`. */
export function inTopK(
  query: readonly number[],
  candidates: readonly (readonly number[])[],
  k: number,
  right: (index: number) => boolean,
): boolean {
  return candidates
    .map((candidate, index) => ({ index, score: cosine(query, candidate) }))
    .sort((a, b) => b.score - a.score)
    .slice(0, k)
    .some(({ index }) => right(index));
}
