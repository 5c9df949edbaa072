/** Pixels -> what the encoder or a tokenizer takes, one function a presentation. */
import { itemAt } from '../../shared/lookup.ts';
import { IMAGENET_MEAN, IMAGENET_STD } from '../../shared/model/imagenet.ts';

/** A byte of a channel in the units of ImageNet. */
const standardised = (byte: number, channel: number): number =>
  (byte / 255 - itemAt(IMAGENET_MEAN, channel, 'the means')) /
  itemAt(IMAGENET_STD, channel, 'the deviations');

/**
 * ImageNet-standardised patches (N, 3*P*P) in row-major order of patches; inside a patch the order is
 * (row, column, channel), the channel fastest.
 * @param pixels (size, size, 3), 0 to 255
 */
export function pixelPatches(
  pixels: ArrayLike<number>,
  size: number,
  patchSize: number,
): Float32Array {
  const grid = size / patchSize;
  const patches = new Float32Array(size * size * 3);
  let at = 0;
  for (let patchRow = 0; patchRow < grid; patchRow++) {
    for (let patchColumn = 0; patchColumn < grid; patchColumn++) {
      for (let row = 0; row < patchSize; row++) {
        const start = (patchRow * patchSize + row) * size + patchColumn * patchSize;
        for (let column = 0; column < patchSize; column++) {
          for (let channel = 0; channel < 3; channel++) {
            patches[at++] = standardised(pixels[(start + column) * 3 + channel] ?? 0, channel);
          }
        }
      }
    }
  }
  return patches;
}

/**
 * Channels first (C, H, W), scaled to [-1, 1]: RGB, normals and edges.
 * @param pixels (H, W, C), 0 to 255
 */
export function signedPlanes(pixels: ArrayLike<number>, channels: number): Float32Array {
  const count = pixels.length / channels;
  const planes = new Float32Array(pixels.length);
  for (let i = 0; i < count; i++) {
    for (let channel = 0; channel < channels; channel++) {
      planes[channel * count + i] = ((pixels[i * channels + channel] ?? 0) / 255) * 2 - 1;
    }
  }
  return planes;
}

/**
 * Channels first (3, H, W), ImageNet-standardised, for tokenizers that undo it themselves.
 * @param pixels (H, W, 3), 0 to 255
 */
export function standardisedPlanes(pixels: ArrayLike<number>): Float32Array {
  const count = pixels.length / 3;
  return Float32Array.from({ length: pixels.length }, (_, i) => {
    const channel = Math.floor(i / count);
    return standardised(pixels[(i % count) * 3 + channel] ?? 0, channel);
  });
}

/**
 * Depth as 4M standardises it: by mean and unbiased variance of the middle 80 % of the sorted pixels, so
 * that a few extreme ones do not decide.
 * @param pixels (H, W), 0 to `largest`
 */
export function standardisedDepth(pixels: ArrayLike<number>, largest: number): Float32Array {
  const values = Float64Array.from(pixels, (value) => value / largest);
  const sorted = Float64Array.from(values).sort();
  const middle = sorted.subarray(Math.trunc(0.1 * sorted.length), Math.trunc(0.9 * sorted.length));
  let mean = 0;
  for (const value of middle) mean += value / middle.length;
  let variance = 0;
  for (const value of middle) variance += (value - mean) ** 2 / (middle.length - 1);
  const deviation = Math.sqrt(variance + 1e-6);
  return Float32Array.from(values, (value) => (value - mean) / deviation);
}

/**
 * Class ids from a picture in the colours of the palette.
 * @param pixels (H, W, 3)
 * @returns undefined when a colour belongs to no class
 */
export function classesOfColours(
  pixels: ArrayLike<number>,
  palette: readonly (readonly [number, number, number])[],
): number[] | undefined {
  const key = (r: number, g: number, b: number): number => (r << 16) | (g << 8) | b;
  const ids = new Map(palette.map(([r, g, b], id) => [key(r, g, b), id]));
  const classes: number[] = [];
  for (let i = 0; i < pixels.length; i += 3) {
    const id = ids.get(key(pixels[i] ?? 0, pixels[i + 1] ?? 0, pixels[i + 2] ?? 0));
    if (id === undefined) return undefined;
    classes.push(id);
  }
  return classes;
}
