/** Lossless encodings, as data URLs. */
import sharp from 'sharp';

const dataUrl = (type: string, bytes: Uint8Array): string =>
  `data:${type};base64,${Buffer.from(bytes).toString('base64')}`;

/** PNG of 8-bit pixels (H, W, C). */
export async function png8(
  pixels: Uint8Array,
  width: number,
  height: number,
  channels: 1 | 3,
): Promise<string> {
  const encoder = sharp(pixels, { raw: { width, height, channels } });
  const bytes = await (channels === 1 ? encoder.toColourspace('b-w') : encoder).png().toBuffer();
  return dataUrl('image/png', bytes);
}

/** PNG of 16-bit grey pixels (H, W). */
export async function png16(pixels: Uint16Array, width: number, height: number): Promise<string> {
  const bytes = await sharp(pixels, { raw: { width, height, channels: 1 } })
    .toColourspace('grey16')
    .png()
    .toBuffer();
  return dataUrl('image/png', bytes);
}

/** NumPy's `.npy`, version 1.0: little-endian float32 in C order. */
export function npy(values: Float32Array, dims: readonly number[]): string {
  const shape = dims.length === 1 ? `(${dims[0]},)` : `(${dims.join(', ')})`;
  const header = `{'descr': '<f4', 'fortran_order': False, 'shape': ${shape}, }`;
  // Magic, version and length take 10 bytes; data starts at a multiple of 64.
  const padded = `${header.padEnd(Math.ceil((header.length + 11) / 64) * 64 - 11)}\n`;
  const prefix = Buffer.alloc(10);
  prefix.write('\x93NUMPY\x01\x00', 'latin1');
  prefix.writeUInt16LE(padded.length, 8);
  const data = Buffer.alloc(values.length * 4);
  values.forEach((value, i) => {
    data.writeFloatLE(value, i * 4);
  });
  return dataUrl('application/x-npy', Buffer.concat([prefix, Buffer.from(padded, 'latin1'), data]));
}
