/** Pictures on the wire <-> arrays. */
import sharp from 'sharp';
import { decodeIndexed } from '../../../worker/image/indexedPng.ts';
import { RESOLUTION } from '../scene/world.ts';

export const toDataUrl = (png: Uint8Array): string =>
  `data:image/png;base64,${Buffer.from(png).toString('base64')}`;

function bytesOf(dataUrl: string): Buffer {
  const comma = dataUrl.indexOf(',');
  if (!dataUrl.startsWith('data:') || comma < 0) throw new Error('not a data URL');
  return Buffer.from(dataUrl.slice(comma + 1), 'base64');
}

/** (64, 64, 3) bytes -> PNG. */
export const encodeRgb = async (pixels: Uint8Array, size: number): Promise<Buffer> =>
  await sharp(pixels, { raw: { width: size, height: size, channels: 3 } })
    .png()
    .toBuffer();

/** (64, 64) numbers of 16 bits -> grey PNG. */
export const encodeGrey16 = async (values: Uint16Array, size: number): Promise<Buffer> =>
  await sharp(values, { raw: { width: size, height: size, channels: 1 } })
    .toColourspace('grey16')
    .png()
    .toBuffer();

/** (64, 64) class ids -> grey PNG, which a class picture may be. */
export const encodeLabels = async (labels: Uint8Array, size: number): Promise<Buffer> =>
  await sharp(labels, { raw: { width: size, height: size, channels: 1 } })
    .toColourspace('b-w')
    .png()
    .toBuffer();

/** A picture as (H, W, 3) bytes. */
export const decodeRgb = async (dataUrl: string): Promise<Uint8Array> =>
  await sharp(bytesOf(dataUrl)).removeAlpha().toColourspace('srgb').raw().toBuffer();

/** A grey picture of up to 16 bits as (H, W) numbers. */
export async function decodeGrey16(dataUrl: string): Promise<Uint16Array> {
  const raw = await sharp(bytesOf(dataUrl))
    .toColourspace('grey16')
    .raw({ depth: 'ushort' })
    .toBuffer({ resolveWithObject: true });
  const { data, info } = raw;
  const values = new Uint16Array(data.buffer, data.byteOffset, data.byteLength / 2);
  return values.filter((_, i) => i % info.channels === 0);
}

/** An indexed PNG whose indices are class ids, as (H, W) bytes. @throws Error for any other picture */
export function decodeLabels(dataUrl: string): Uint8Array {
  const picture = decodeIndexed(bytesOf(dataUrl), RESOLUTION * RESOLUTION);
  if (!picture) throw new Error('the class picture is not an indexed PNG');
  return Uint8Array.from(picture.indices);
}
