/**
 * PNG with a palette, by index: class pictures keep their class numbers that way, and no library here
 * gives them out. https://www.w3.org/TR/png-3
 */
import { deflateSync, inflateSync } from 'node:zlib';
import { itemAt } from '../../shared/lookup.ts';
import { bufferOf } from './bytes.ts';
import type { Colour } from './palettes.ts';
import { chunk, SIGNATURE } from './pngChunks.ts';

export interface IndexedPicture {
  readonly width: number;
  readonly height: number;
  /** (H, W) places in the palette. */
  readonly indices: Uint8Array;
  readonly palette: readonly Colour[];
}

const PALETTE_TYPE = 3;

/** @param palette at most 256 colours */
export function encodeIndexed({ width, height, indices, palette }: IndexedPicture): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = 8;
  header[9] = PALETTE_TYPE;
  // Each row begins with its filter, 0: as it is.
  const rows = Buffer.alloc(height * (width + 1));
  for (let y = 0; y < height; y++)
    rows.set(indices.subarray(y * width, (y + 1) * width), y * (width + 1) + 1);
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', header),
    chunk('PLTE', Uint8Array.from(palette.flat())),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

/** Chunks by type, those of one type joined; undefined where the file is cut. */
function chunksOf(bytes: Buffer): Map<string, Buffer> | undefined {
  const parts = new Map<string, Buffer[]>();
  let at = SIGNATURE.length;
  while (at + 12 <= bytes.length) {
    const length = bytes.readUInt32BE(at);
    if (at + 12 + length > bytes.length) return undefined;
    const type = bytes.toString('latin1', at + 4, at + 8);
    const data = bytes.subarray(at + 8, at + 8 + length);
    const same = parts.get(type);
    if (same) same.push(data);
    else parts.set(type, [data]);
    if (type === 'IEND') break;
    at += 12 + length;
  }
  return new Map([...parts].map(([type, datas]) => [type, Buffer.concat(datas)]));
}

/** What a filter adds to a byte. */
function predicted(filter: number, left: number, up: number, corner: number): number {
  switch (filter) {
    case 1:
      return left;
    case 2:
      return up;
    case 3:
      return (left + up) >> 1;
    case 4:
      return paeth(left, up, corner);
    default:
      return 0;
  }
}

function paeth(left: number, up: number, corner: number): number {
  const guess = left + up - corner;
  const [a, b, c] = [Math.abs(guess - left), Math.abs(guess - up), Math.abs(guess - corner)];
  if (a <= b && a <= c) return left;
  return b <= c ? up : corner;
}

/** Undoes the rows' filters in place; pixels are at most a byte, so the left neighbour is a byte away. */
function unfilter(rows: Buffer, height: number, stride: number): boolean {
  for (let y = 0; y < height; y++) {
    const start = y * (stride + 1) + 1;
    const filter = rows[start - 1] ?? 0;
    if (filter > 4) return false;
    for (let x = 0; x < stride; x++) {
      const left = x > 0 ? (rows[start + x - 1] ?? 0) : 0;
      const up = y > 0 ? (rows[start + x - stride - 1] ?? 0) : 0;
      const corner = x > 0 && y > 0 ? (rows[start + x - stride - 2] ?? 0) : 0;
      rows[start + x] = ((rows[start + x] ?? 0) + predicted(filter, left, up, corner)) & 0xff;
    }
  }
  return true;
}

/**
 * The indices of a PNG with a palette.
 * @param limit pixels at most
 * @returns undefined for other files, interlaced ones and damaged ones
 */
export function decodeIndexed(file: Uint8Array, limit: number): IndexedPicture | undefined {
  const bytes = bufferOf(file);
  if (!bytes.subarray(0, 8).equals(SIGNATURE)) return undefined;
  const chunks = chunksOf(bytes);
  const header = chunks?.get('IHDR');
  const colours = chunks?.get('PLTE');
  const data = chunks?.get('IDAT');
  if (header?.length !== 13 || !colours || !data) return undefined;
  const [width, height] = [header.readUInt32BE(0), header.readUInt32BE(4)];
  const depth = header[8] ?? 0;
  const plain = header[9] === PALETTE_TYPE && header[12] === 0 && [1, 2, 4, 8].includes(depth);
  if (!plain || width === 0 || height === 0 || width * height > limit) return undefined;
  const stride = Math.ceil((width * depth) / 8);
  let rows: Buffer;
  try {
    rows = inflateSync(data, { maxOutputLength: height * (stride + 1) });
  } catch {
    return undefined;
  }
  if (rows.length !== height * (stride + 1) || !unfilter(rows, height, stride)) return undefined;
  const indices = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const byte = rows[y * (stride + 1) + 1 + Math.floor((x * depth) / 8)] ?? 0;
      const shift = 8 - depth - ((x * depth) % 8);
      indices[y * width + x] = (byte >> shift) & (2 ** depth - 1);
    }
  }
  const palette = Array.from(
    { length: Math.floor(colours.length / 3) },
    (_, i): Colour => [
      itemAt(colours, i * 3, 'the palette'),
      itemAt(colours, i * 3 + 1, 'the palette'),
      itemAt(colours, i * 3 + 2, 'the palette'),
    ],
  );
  return { width, height, indices, palette };
}
