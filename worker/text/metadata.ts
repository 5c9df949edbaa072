/** The metadata modality: 21 numbers about a picture as `v1=KIND v0=VALUE` pairs. */
import { itemAt } from '../../shared/lookup.ts';
import { counted, type Parsed, special, wordsOf } from './words.ts';

interface Field {
  readonly name: string;
  /** Binned over this range; absent for counts and classes, which stand for themselves. */
  readonly range?: readonly [number, number];
  /** Pixels a bin. */
  readonly unit?: number;
  /** Largest stored value of a count; what lies above is clipped. */
  readonly largest?: number;
  /** A score is stored as the number of these that it reaches. */
  readonly borders?: readonly number[];
}

/** In the order of their kind numbers. */
export const METADATA_FIELDS: readonly Field[] = [
  { name: 'original_width', unit: 32 },
  { name: 'original_height', unit: 32 },
  { name: 'caption_n_chars', largest: 999 },
  { name: 'caption_n_words', largest: 999 },
  { name: 'caption_n_sentences', largest: 999 },
  { name: 'n_humans', largest: 999 },
  { name: 'n_sam_instances', largest: 999 },
  { name: 'n_coco_instances', largest: 999 },
  { name: 'coco_instance_diversity', largest: 999 },
  { name: 'colorfulness', range: [0, 150] },
  { name: 'brightness', range: [0, 255] },
  { name: 'contrast', range: [0, 127] },
  { name: 'saturation', range: [0, 255] },
  { name: 'entropy', range: [0, 10] },
  { name: 'walkability', range: [0, 1] },
  { name: 'objectness', range: [0, 1] },
  { name: 'semantic_diversity', largest: 999 },
  { name: 'geometric_complexity', range: [0, 0.75] },
  { name: 'occlusion_score', range: [0, 0.25] },
  { name: 'watermark_score', borders: [0.5] },
  { name: 'aesthetic_score', borders: [4.5, 5.5] },
];

const fieldOfKind = (kind: number): Field => itemAt(METADATA_FIELDS, kind, 'the metadata');

/** Largest number that the vocabulary has. */
const LARGEST = 999;
const clip = (value: number, low: number, high: number): number =>
  Math.min(Math.max(value, low), high);

/**
 * The stored number of a value. A score may be given as it is or as the class that stands for it when it
 * is read: 0 and 1 for watermarks, 0, 1 and 2 for aesthetics, which as scores would all be class 0.
 */
export function metadataBin(kind: number, value: number): number {
  const { range, unit, largest, borders } = fieldOfKind(kind);
  if (unit !== undefined) return clip(Math.floor(value / unit), 0, LARGEST);
  if (borders) {
    const isClass = Number.isInteger(value) && value >= 0 && value <= borders.length;
    return isClass ? value : borders.filter((border) => value >= border).length;
  }
  if (range === undefined) return clip(Math.trunc(value), 0, largest ?? LARGEST);
  const [low, high] = range;
  return Math.trunc(((clip(value, low, high) - low) / (high - low)) * 49);
}

/** The value a stored number stands for. 49 bins are written, yet 50 divide on reading: so it is upstream. */
export function metadataValue(kind: number, bin: number): number {
  const { range, unit } = fieldOfKind(kind);
  if (unit !== undefined) return bin * unit;
  if (range === undefined) return bin;
  const [low, high] = range;
  return (high - low) * (bin / 50) + low;
}

/** Fields in the order of their kinds. */
export function formatMetadata(fields: Readonly<Record<string, number>>): string {
  return METADATA_FIELDS.flatMap(({ name }, kind) => {
    const value = fields[name];
    return value === undefined ? [] : [`v1=${kind} v0=${metadataBin(kind, value)}`];
  }).join(' ');
}

/** Pairs of a known kind and a value; of a kind that comes twice the last counts, as upstream. */
export function parseMetadata(text: string): Parsed<Record<string, number>> {
  const found = new Map<number, number>();
  let kind: number | undefined;
  let skipped = 0;
  for (const word of wordsOf(text)) {
    const part = special(word);
    if (part?.kind === 1) {
      // The kind before had no value.
      if (kind !== undefined) skipped++;
      kind = part.value < METADATA_FIELDS.length ? part.value : undefined;
      if (kind === undefined) skipped++;
    } else if (part?.kind === 0 && kind !== undefined) {
      found.set(kind, metadataValue(kind, part.value));
      kind = undefined;
    } else skipped++;
  }
  if (kind !== undefined) skipped++;
  const value = Object.fromEntries(
    [...found].sort(([a], [b]) => a - b).map(([k, v]) => [fieldOfKind(k).name, v]),
  );
  const warnings = skipped > 0 ? [`${counted(skipped, 'word')} outside the format, left out`] : [];
  return { value, warnings };
}
