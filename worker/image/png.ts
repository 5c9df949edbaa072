/** Lossless encodings, as data URLs. */
import sharp from 'sharp';
import { encodeIndexed, type IndexedPicture } from './indexedPng.ts';

export const PNG = 'image/png';

export const dataUrl = (type: string, bytes: Uint8Array): string =>
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
  return dataUrl(PNG, bytes);
}

/** PNG of 16-bit grey pixels (H, W). */
export async function png16(pixels: Uint16Array, width: number, height: number): Promise<string> {
  const bytes = await sharp(pixels, { raw: { width, height, channels: 1 } })
    .toColourspace('grey16')
    .png()
    .toBuffer();
  return dataUrl(PNG, bytes);
}

/** PNG with a palette: the pixels are the indices. */
export const indexedPng = (picture: IndexedPicture): string => dataUrl(PNG, encodeIndexed(picture));
