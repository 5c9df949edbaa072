/**
 * Text formats of the structured sequence modalities: what a generated text means, and how a value is
 * written. Generated text may be malformed; it is then read as far as it goes, with a warning.
 */
import type { ModalityInfo } from '../../shared/model/modalities.ts';
import { roundHalfEven } from '../../shared/schedule.ts';
import { METADATA_FIELDS, metadataBin, metadataValue } from './metadata.ts';

export interface Box {
  /** Relative to the picture, 0 to 1. */
  readonly xmin: number;
  readonly ymin: number;
  readonly xmax: number;
  readonly ymax: number;
  readonly class: string;
}
export interface ParsedText {
  readonly value?: unknown;
  readonly warnings: readonly string[];
}

const CORNERS = ['xmin', 'ymin', 'xmax', 'ymax'] as const;
const words = (text: string): string[] => text.split(/\s+/).filter((word) => word !== '');
const coordinate = (word: string): { kind: number; value: number } | undefined => {
  const match = /^v(\d)=(\d+)$/.exec(word);
  return match ? { kind: Number(match[1]), value: Number(match[2]) } : undefined;
};

/** Boxes ordered by the distance of their top left corner from the origin. */
export function formatBoxes(boxes: readonly Box[], bins: number): string {
  return [...boxes]
    .sort((a, b) => a.xmin ** 2 + a.ymin ** 2 - (b.xmin ** 2 + b.ymin ** 2))
    .map((box) => {
      const corners = CORNERS.map((name, i) => `v${i}=${roundHalfEven(box[name] * (bins - 1))}`);
      return `${corners.join(' ')} ${box.class}`;
    })
    .join(' ');
}

/** A `v0=` starts a box; it counts when all four values and a name follow. */
export function parseBoxes(text: string, bins: number): ParsedText & { readonly value: Box[] } {
  const boxes: Box[] = [];
  let dropped = 0;
  let stray = 0;
  let values = new Map<number, number>();
  let name: string[] = [];
  let started = false;
  const finish = (): void => {
    if (!started) return;
    if (values.size === 4 && name.length > 0) {
      const at = (i: number): number => values.get(i)! / (bins - 1);
      boxes.push({ xmin: at(0), ymin: at(1), xmax: at(2), ymax: at(3), class: name.join(' ') });
    } else dropped++;
    values = new Map();
    name = [];
  };
  for (const word of words(text)) {
    const part = coordinate(word);
    if (part?.kind === 0) {
      finish();
      started = true;
    }
    // Words before the first `v0=` belong to no box.
    if (!started) {
      stray++;
      continue;
    }
    if (part) values.set(part.kind, part.value);
    else name.push(word);
  }
  finish();
  const warnings = [
    ...(dropped > 0 ? [`${dropped} incomplete boxes were left out`] : []),
    ...(stray > 0 ? [`${stray} words before the first box were left out`] : []),
  ];
  return { value: boxes, warnings };
}

/** A colour's stored number: 0 to 255 as it is, or scaled when there are fewer bins than that. */
const colourScale = (bins: number): number => (bins < 256 ? (bins - 1) / 255 : 1);

const hexColour = (rgb: readonly number[]): string =>
  `#${rgb.map((c) => Math.min(Math.max(c, 0), 255).toString(16).padStart(2, '0')).join('')}`;

/** @param colours each `#rrggbb` */
export function formatPalette(colours: readonly string[], bins: number): string {
  const channels = colours.flatMap((colour) =>
    [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16)),
  );
  const stored = channels.map((c) => `v0=${roundHalfEven(c * colourScale(bins))}`);
  return [`v1=${colours.length}`, ...stored].join(' ');
}

/** The first token is the number of colours; the others are read in groups of three. */
export function parsePalette(
  text: string,
  bins: number,
): ParsedText & { readonly value: string[] } {
  const parts = words(text).map(coordinate);
  const [count, ...rest] = parts;
  const numbers = rest.flatMap((part) => (part?.kind === 0 ? [part.value] : []));
  const value: string[] = [];
  for (let i = 0; i + 2 < numbers.length; i += 3) {
    const rgb = numbers.slice(i, i + 3).map((c) => Math.round(c / colourScale(bins)));
    value.push(hexColour(rgb));
  }
  const clean =
    parts.every((part) => part !== undefined) && count?.kind === 1 && count.value === value.length;
  const warnings = clean ? [] : ['the palette does not follow its format; read as far as it goes'];
  return { value, warnings };
}

/** Fields in the order of their kinds. */
export function formatMetadata(fields: Readonly<Record<string, number>>): string {
  return METADATA_FIELDS.flatMap(({ name }, kind) => {
    const value = fields[name];
    return value === undefined ? [] : [`v1=${kind} v0=${metadataBin(kind, value)}`];
  }).join(' ');
}

export function parseMetadata(
  text: string,
): ParsedText & { readonly value: Record<string, number> } {
  const found = new Map<number, number>();
  let kind: number | undefined;
  let skipped = 0;
  for (const word of words(text)) {
    const part = coordinate(word);
    if (part?.kind === 1 && part.value < METADATA_FIELDS.length) kind = part.value;
    else if (part?.kind === 0 && kind !== undefined) {
      found.set(kind, metadataValue(kind, part.value));
      kind = undefined;
    } else skipped++;
  }
  const value = Object.fromEntries(
    [...found].sort(([a], [b]) => a - b).map(([k, v]) => [METADATA_FIELDS[k]!.name, v]),
  );
  const warnings = skipped > 0 ? [`${skipped} words do not follow the format`] : [];
  return { value, warnings };
}

/** What a generated text of a modality means. Never throws. */
export function parseText(text: string, info: ModalityInfo): ParsedText {
  switch (info.presentation) {
    case 'boxes':
      return parseBoxes(text, info.coord_bins);
    case 'palette':
      return parsePalette(text, info.coord_bins);
    case 'metadata':
      return parseMetadata(text);
    case 'poses':
    case 'instances':
      return { warnings: [`${info.presentation} are returned as text and tokens, not parsed`] };
    default:
      return { warnings: [] };
  }
}
