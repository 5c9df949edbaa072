/** What files are, by their first bytes; whether the rest holds is found out where they are read. */

const startsWith = (bytes: Uint8Array, text: string, at = 0): boolean =>
  [...text].every((character, i) => bytes[at + i] === character.charCodeAt(0));

/** Bytes that tell. */
export const HEAD_BYTES = 16;

/** The media type of a picture: PNG, JPEG or WebP; undefined for everything else. */
export function pictureType(bytes: Uint8Array): string | undefined {
  if (startsWith(bytes, '\x89PNG\r\n\x1a\n')) return 'image/png';
  if (startsWith(bytes, '\xff\xd8\xff')) return 'image/jpeg';
  if (startsWith(bytes, 'RIFF') && startsWith(bytes, 'WEBP', 8)) return 'image/webp';
  return undefined;
}

/** The media type of an array: .npy, or .safetensors, a JSON header after its length. */
export function arrayType(bytes: Uint8Array): string | undefined {
  if (startsWith(bytes, '\x93NUMPY')) return 'application/x-npy';
  return startsWith(bytes, '{', 8) ? 'application/octet-stream' : undefined;
}
