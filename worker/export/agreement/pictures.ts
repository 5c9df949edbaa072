/** Smooth pictures of fixed waves: something for graphs of pixels to look at. */

/** @returns (channels, height, width) in [-1, 1], another picture for each seed */
export function waves(channels: number, height: number, width: number, seed: number): Float32Array {
  const picture = new Float32Array(channels * height * width);
  for (let c = 0; c < channels; c++)
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        const across = Math.sin((x / width) * (3 + ((seed + c) % 5)) * Math.PI + seed);
        const down = Math.cos((y / height) * (2 + ((2 * seed + c) % 7)) * Math.PI - c);
        picture[(c * height + y) * width + x] = across * down;
      }
  return picture;
}
