/** Decoded values -> pixels. */

/** Values (C, H, W). */
interface Planes {
  readonly data: Float32Array;
  readonly channels: number;
}

/** Bytes with the channels last; [-1, 1] becomes 0 to 255, what lies beyond is clipped. */
export function interleaved({ data, channels }: Planes): Uint8Array {
  const count = data.length / channels;
  const pixels = new Uint8Array(data.length);
  for (let channel = 0; channel < channels; channel++) {
    for (let i = 0; i < count; i++) {
      const signed = data[channel * count + i] ?? 0;
      const unit = Math.min(Math.max(0.5 * (signed + 1), 0), 1);
      pixels[i * channels + channel] = Math.round(unit * 255);
    }
  }
  return pixels;
}

/** Each pixel (H, W, 3) as a square of so many. */
export function enlarged(
  pixels: Uint8Array,
  width: number,
  height: number,
  scale: number,
): Uint8Array {
  const large = new Uint8Array(pixels.length * scale * scale);
  for (let y = 0; y < height * scale; y++) {
    for (let x = 0; x < width * scale; x++) {
      const from = (Math.floor(y / scale) * width + Math.floor(x / scale)) * 3;
      large.set(pixels.subarray(from, from + 3), (y * width * scale + x) * 3);
    }
  }
  return large;
}
