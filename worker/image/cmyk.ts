/** Pictures in the colours of print -> RGB, as Pillow's `Image.convert('RGB')` does, without a profile. */

/** x / 255 for a product x of two bytes, rounded as Pillow's MULDIV255. */
const by255 = (product: number): number => (product + 128 + ((product + 128) >> 8)) >> 8;

/**
 * Each ink takes away from the light that black leaves: R = (255 - K) - C (255 - K) / 255.
 * @param inks (N, 4) cyan, magenta, yellow, black
 * @returns (N, 3)
 */
export function rgbOfCmyk(inks: Uint8Array): Uint8Array {
  const count = inks.length / 4;
  const rgb = new Uint8Array(3 * count);
  for (let pixel = 0; pixel < count; pixel++) {
    const light = 255 - (inks[4 * pixel + 3] ?? 0);
    for (let channel = 0; channel < 3; channel++) {
      const ink = inks[4 * pixel + channel] ?? 0;
      rgb[3 * pixel + channel] = light - by255(ink * light);
    }
  }
  return rgb;
}
