/** Chunks of PNG files: https://www.w3.org/TR/png-3 */
import { crc32 } from 'node:zlib';

export const SIGNATURE = Buffer.from('89504e470d0a1a0a', 'hex');

/** @param type four letters */
export function chunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const frame = Buffer.alloc(8);
  frame.writeUInt32BE(data.length, 0);
  frame.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)]);
}

/** International text (section 11.3.3.4), not compressed. @param keyword 1 to 79 characters of Latin-1 */
export const textChunk = (keyword: string, text: string): Buffer =>
  // Behind the keyword: no compression, its method, no language, no translated keyword.
  chunk('iTXt', Buffer.concat([Buffer.from(`${keyword}\0\0\0\0\0`, 'latin1'), Buffer.from(text)]));
