/** Palettes and metadata against the truth: text formats read here on their own, not by the server's code. */
import { COORDINATE_BINS } from '../scene/describe.ts';
import type { Rendering } from '../scene/render.ts';

/** Levels of 255 by which a channel may differ: three of the 64 bins that the palette is written in. */
const CLOSE = 12;

/** (n, 3) levels of 255. */
function paletteColours(palette: string): number[][] {
  const bins = [...palette.matchAll(/\bv0=(\d+)/g)].map(([, bin]) => Number(bin));
  const levels = bins.map((bin) => (bin / (COORDINATE_BINS - 1)) * 255);
  return Array.from({ length: Math.floor(levels.length / 3) }, (_, i) =>
    levels.slice(3 * i, 3 * i + 3),
  );
}

/** Mean colour of every solid: instances from 2 on. */
function solidColours({ rgb, instance }: Pick<Rendering, 'rgb' | 'instance'>): number[][] {
  const solids = [...new Set(instance)].filter((id) => id >= 2);
  return solids.map((solid) => {
    const pixels = [...instance.keys()].filter((p) => instance[p] === solid);
    return [0, 1, 2].map(
      (channel) => pixels.reduce((sum, p) => sum + (rgb[3 * p + channel] ?? 0), 0) / pixels.length,
    );
  });
}

/** For each solid, whether some colour of the palette is close to its own in every channel. */
export function coloursFound(
  palette: string,
  rendering: Pick<Rendering, 'rgb' | 'instance'>,
): boolean[] {
  const told = paletteColours(palette);
  const isClose = (a: readonly number[], b: readonly number[]): boolean =>
    a.every((level, channel) => Math.abs(level - (b[channel] ?? Number.NaN)) <= CLOSE);
  return solidColours(rendering).map((own) => told.some((colour) => isClose(colour, own)));
}

/** Fields 7 and 8 of the metadata: how many solids, of how many kinds. */
export function countsOf(metadata: string): string {
  const field = (kind: number): string =>
    new RegExp(`\\bv1=${kind} v0=(\\d+)`).exec(metadata)?.[1] ?? 'none';
  return `${field(7)} ${field(8)}`;
}
