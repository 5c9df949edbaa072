/** The metadata modality: 21 numbers about a picture as `v1=KIND v0=VALUE` pairs. */

interface Field {
  readonly name: string;
  /** Binned over this range; absent for counts and classes, which stand for themselves. */
  readonly range?: readonly [number, number];
  /** Pixels a bin. */
  readonly unit?: number;
  /** Largest stored value; what lies above is clipped. */
  readonly largest?: number;
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
  { name: 'watermark_score', largest: 1 },
  { name: 'aesthetic_score', largest: 2 },
];

/** The stored number of a value. Watermark and aesthetic scores are given as their class. */
export function metadataBin(kind: number, value: number): number {
  const { range, unit, largest } = METADATA_FIELDS[kind]!;
  if (unit !== undefined) return Math.floor(value / unit);
  if (range === undefined) return Math.min(Math.max(Math.trunc(value), 0), largest ?? 999);
  const [low, high] = range;
  return Math.trunc(((Math.min(Math.max(value, low), high) - low) / (high - low)) * 49);
}

/** The value a stored number stands for. 49 bins are written, yet 50 divide on reading: so it is upstream. */
export function metadataValue(kind: number, bin: number): number {
  const { range, unit } = METADATA_FIELDS[kind]!;
  if (unit !== undefined) return bin * unit;
  if (range === undefined) return bin;
  const [low, high] = range;
  return low + ((high - low) * bin) / 50;
}
