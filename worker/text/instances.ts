/**
 * SAM instances: for each query point `point v0=ROW v1=COLUMN`, then `none` or the instances that hold it,
 * each `polygon` with its box in pixels and 16 ids of its mask, row-major (4, 4).
 */
import { anyValue, counted, idOfWord, idWord, type Parsed, splitAt, wordsOf } from './words.ts';

export interface InstanceTokens {
  /** Pixels of the 224 x 224 picture. */
  readonly xmin: number;
  readonly ymin: number;
  readonly xmax: number;
  readonly ymax: number;
  /** 16 ids of the mask tokenizer. */
  readonly mask_tokens: readonly number[];
}
export interface QueriedPoint {
  /** Pixels; null where the text gives none that can be read. */
  readonly point: { readonly x: number; readonly y: number } | null;
  readonly instances: readonly InstanceTokens[];
}

export const MASK_IDS = 16;
/** Ids of the published mask tokenizer. */
const CODES = 1024;
const BOX_WORDS = 4;

/** The text of queried points, in the order given. */
export function formatInstances(points: readonly QueriedPoint[]): string {
  const words = points.flatMap(({ point, instances }) => [
    ...(point ? ['point', `v0=${point.y}`, `v1=${point.x}`] : []),
    ...(instances.length === 0 ? ['none'] : []),
    ...instances.flatMap(({ xmin, ymin, xmax, ymax, mask_tokens }) => [
      'polygon',
      ...[xmin, ymin, xmax, ymax].map((value, i) => `v${i}=${value}`),
      ...mask_tokens.map(idWord),
    ]),
  ]);
  return words.join(' ');
}

/** @param words what follows `polygon` */
function instanceOf(words: readonly string[]): InstanceTokens | undefined {
  if (words.length !== BOX_WORDS + MASK_IDS) return undefined;
  const box = words.slice(0, BOX_WORDS).map(anyValue);
  const ids = words.slice(BOX_WORDS).map(idOfWord);
  const [xmin, ymin, xmax, ymax] = box;
  if (xmin === undefined || ymin === undefined || xmax === undefined || ymax === undefined)
    return undefined;
  const fits = ids.every((id) => id !== undefined && id < CODES);
  if (xmin >= xmax || ymin >= ymax || !fits) return undefined;
  return { xmin, ymin, xmax, ymax, mask_tokens: ids as number[] };
}

function pointOf(words: readonly string[]): QueriedPoint['point'] {
  const [row, column] = words.map(anyValue);
  return words.length === 2 && row !== undefined && column !== undefined
    ? { x: column, y: row }
    : null;
}

/** An instance counts with exactly 20 words and a box that has an inside; its point need not be right. */
export function parseInstances(text: string): Parsed<QueriedPoint[]> {
  const words = wordsOf(text);
  const value: QueriedPoint[] = [];
  let dropped = 0;
  let misplaced = 0;
  for (const part of splitAt(words, 'point')) {
    const first = part.indexOf('polygon');
    const head = first < 0 ? part : part.slice(0, first);
    const isNone = first < 0 && head.at(-1) === 'none';
    const point = pointOf(isNone ? head.slice(0, -1) : head);
    const groups = first < 0 ? [] : splitAt(part.slice(first), 'polygon');
    const instances = groups.flatMap((group) => instanceOf(group) ?? []);
    dropped += part.filter((word) => word === 'polygon').length - instances.length;
    if (!point) misplaced++;
    // A point that says neither `none` nor an instance was cut off.
    else if (first < 0 && !isNone) dropped++;
    if (point ? isNone || first >= 0 : instances.length > 0) value.push({ point, instances });
  }
  const warnings = [
    ...(dropped > 0 ? [`${counted(dropped, 'incomplete instance')} left out`] : []),
    ...(misplaced > 0 ? [`${counted(misplaced, 'point')} without a readable place`] : []),
  ];
  return { value, warnings };
}
