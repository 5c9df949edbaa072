/** Colour palettes: `v1=COUNT v0=R v0=G v0=B ...`. */
import { roundHalfEven } from '../../shared/rounding.ts';
import { type Parsed, special, wordsOf } from './words.ts';

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
export function parsePalette(text: string, bins: number): Parsed<string[]> {
  const parts = wordsOf(text).map(special);
  const [count, ...rest] = parts;
  const numbers = rest.flatMap((part) => (part?.kind === 0 ? [part.value] : []));
  const value: string[] = [];
  for (let i = 0; i + 2 < numbers.length; i += 3) {
    const rgb = numbers.slice(i, i + 3).map((c) => Math.round(c / colourScale(bins)));
    value.push(hexColour(rgb));
  }
  const clean =
    rest.every((part) => part?.kind === 0) &&
    numbers.length === 3 * value.length &&
    numbers.every((c) => c / colourScale(bins) <= 255) &&
    count?.kind === 1 &&
    count.value === value.length;
  const warnings = clean ? [] : ['the palette does not follow its format; read as far as it goes'];
  return { value, warnings };
}
