/** Colours: the map for depth previews, and palettes for classes that come without one. */

export type Colour = readonly [number, number, number];

// Polynomial fit of the Turbo map (Mikhailov 2019, ai.googleblog.com/2019/08/turbo-improved-rainbow-colormap).
const TURBO = [
  [0.13572138, 4.6153926, -42.66032258, 132.13108234, -152.94239396, 59.28637943],
  [0.09140261, 2.19418839, 4.84296658, -14.18503333, 4.27729857, 2.82956604],
  [0.1066733, 12.64194608, -60.58204836, 110.36276771, -89.90310912, 27.34824973],
] as const;

type Polynomial = (typeof TURBO)[number];

// By index: to take a list apart takes longer than the polynomial.
const byteOf = (p: Polynomial, x: number): number => {
  const sum = ((((p[5] * x + p[4]) * x + p[3]) * x + p[2]) * x + p[1]) * x + p[0];
  return Math.round(Math.min(Math.max(sum, 0), 1) * 255);
};

/** Writes the colour of a value from 0 (blue) to 1 (red) at a place of an array of bytes. */
export function writeTurbo(value: number, pixels: Uint8Array, at: number): void {
  pixels[at] = byteOf(TURBO[0], value);
  pixels[at + 1] = byteOf(TURBO[1], value);
  pixels[at + 2] = byteOf(TURBO[2], value);
}

/** Distinct colours by turns of the golden angle around the hue circle; class 0 is black. */
export function classPalette(count: number): Colour[] {
  return Array.from({ length: count }, (_, id): Colour => {
    if (id === 0) return [0, 0, 0];
    const hue = (id * 137.508) % 360;
    const lightness = 0.45 + 0.2 * ((id % 3) / 2);
    const chroma = 0.65 * Math.min(lightness, 1 - lightness);
    const channel = (offset: number): number => {
      const k = (offset + hue / 30) % 12;
      return Math.round(255 * (lightness - chroma * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
    };
    return [channel(0), channel(8), channel(4)];
  });
}

export const hexOf = ([r, g, b]: Colour): string =>
  `#${[r, g, b].map((value) => value.toString(16).padStart(2, '0')).join('')}`;
