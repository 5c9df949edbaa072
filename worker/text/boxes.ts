/** Detections: `v0=XMIN v1=YMIN v2=XMAX v3=YMAX NAME`, one after the other. */
import { roundHalfEven } from '../../shared/rounding.ts';
import { counted, type Parsed, special, wordsOf } from './words.ts';

export interface Corners {
  /** Relative to the picture, 0 to 1. */
  readonly xmin: number;
  readonly ymin: number;
  readonly xmax: number;
  readonly ymax: number;
}
export interface Box extends Corners {
  readonly class: string;
  /** Of a detector; the published models were trained on boxes of at least `LEAST_SCORE`. */
  readonly score?: number | undefined;
}

const LEAST_SCORE = 0.6;
export const CORNERS = ['xmin', 'ymin', 'xmax', 'ymax'] as const;

/** The four words of a box. @param bins how many values a coordinate has */
export const cornerWords = (box: Corners, bins: number): string[] =>
  CORNERS.map((name, i) => `v${i}=${roundHalfEven(box[name] * (bins - 1))}`);

/**
 * Boxes ordered by the distance of their top left corner from the origin. Those that a detector is less
 * sure of than the models' training data was are left out.
 */
export function formatBoxes(boxes: readonly Box[], bins: number): string {
  return boxes
    .filter(({ score }) => (score ?? 1) >= LEAST_SCORE)
    .sort((a, b) => a.xmin ** 2 + a.ymin ** 2 - (b.xmin ** 2 + b.ymin ** 2))
    .map((box) => [...cornerWords(box, bins), box.class].join(' '))
    .join(' ');
}

/** One box's words after its `v0=`: all four corners, each once, then the name. */
function boxOf(words: readonly string[], bins: number): Box | undefined {
  const corners = words.slice(0, 4).map(special);
  const name = words.slice(4);
  const values = new Map(corners.flatMap((part) => (part ? [[part.kind, part.value]] : [])));
  const named = name.length > 0 && name.every((word) => special(word) === undefined);
  if (values.size !== 4 || !named) return undefined;
  const at = (kind: number): number => (values.get(kind) ?? Infinity) / (bins - 1);
  if ([0, 1, 2, 3].some((kind) => at(kind) > 1)) return undefined;
  return { xmin: at(0), ymin: at(1), xmax: at(2), ymax: at(3), class: name.join(' ') };
}

/** A `v0=` starts a box; it counts when the other corners and a name follow. */
export function parseBoxes(text: string, bins: number): Parsed<Box[]> {
  const groups: string[][] = [];
  let stray = 0;
  for (const word of wordsOf(text)) {
    if (special(word)?.kind === 0) groups.push([word]);
    else if (groups.length > 0) groups.at(-1)?.push(word);
    else stray++;
  }
  const value = groups.flatMap((words) => boxOf(words, bins) ?? []);
  const dropped = groups.length - value.length;
  const warnings = [
    ...(dropped > 0 ? [`${dropped} incomplete boxes were left out`] : []),
    ...(stray > 0 ? [`${counted(stray, 'word')} before the first box were left out`] : []),
  ];
  return { value, warnings };
}
