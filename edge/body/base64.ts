/** Base64 as bytes, in slices: never a text of many megabytes, which alone would hold the event loop. */
import { pause, SLICE } from '../../shared/pause.ts';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const PAD = 0x3d;
const SPACE = 64;
const OTHER = 65;

/** Code of a character -> its six bits, or what else it is. */
const VALUES = new Uint8Array(256).fill(OTHER);
const CODES = new Uint8Array(64);
for (const [value, character] of [...ALPHABET].entries()) {
  VALUES[character.charCodeAt(0)] = value;
  CODES[value] = character.charCodeAt(0);
}
for (const space of ' \t\n\f\r') VALUES[space.charCodeAt(0)] = SPACE;

/** Base64 characters of so many bytes, padding among them. */
export const base64Length = (bytes: number): number => 4 * Math.ceil(bytes / 3);

/**
 * The bytes that base64 stands for, with padding or without; white space between is passed over.
 * @returns undefined when it is not base64
 */
export async function decodeBase64(text: Uint8Array): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const bytes = new Uint8Array(Math.ceil((text.length * 3) / 4));
  let [written, group, count, pads] = [0, 0, 0, 0];
  for (let start = 0; start < text.length; start += SLICE) {
    if (start > 0) await pause();
    for (const code of text.subarray(start, start + SLICE)) {
      const value = VALUES[code] ?? OTHER;
      if (value < 64 && pads === 0) {
        group = (group << 6) | value;
        if (++count < 4) continue;
        bytes[written++] = group >> 16;
        bytes[written++] = group >> 8;
        bytes[written++] = group;
        [group, count] = [0, 0];
      } else if (code === PAD) pads++;
      else if (value !== SPACE) return undefined;
    }
  }
  if (count === 1 || (pads > 0 && count + pads !== 4)) return undefined;
  if (count === 2) bytes[written++] = group >> 4;
  if (count === 3) {
    bytes[written++] = group >> 10;
    bytes[written++] = group >> 2;
  }
  return bytes.subarray(0, written);
}

/** Writes bytes as base64 at the place where `target` begins. */
export async function encodeBase64(bytes: Uint8Array, target: Uint8Array): Promise<void> {
  // A whole number of groups, so that only the last slice is padded.
  const step = SLICE - (SLICE % 3);
  let written = 0;
  for (let start = 0; start < bytes.length; start += step) {
    if (start > 0) await pause();
    const slice = bytes.subarray(start, start + step);
    for (let i = 0; i < slice.length; i += 3) {
      const [one = 0, two = 0, three = 0] = [slice[i], slice[i + 1], slice[i + 2]];
      const left = slice.length - i;
      const group = (one << 16) | (two << 8) | three;
      target[written++] = CODES[group >> 18] ?? PAD;
      target[written++] = CODES[(group >> 12) & 63] ?? PAD;
      target[written++] = left > 1 ? (CODES[(group >> 6) & 63] ?? PAD) : PAD;
      target[written++] = left > 2 ? (CODES[group & 63] ?? PAD) : PAD;
    }
  }
}
