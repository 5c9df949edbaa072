/**
 * What is known of pictures that were given before. People ask for several things of one picture: its header is read
 * once, in a thread, and then the bytes need no other look than their hash.
 */
import { createHash } from 'node:crypto';
import { bytesFromText } from '../image/base64.ts';
import type { Picture } from '../image/inspect.ts';
import { isArrayFile } from '../values/arrays.ts';

/** Pictures of which the header is remembered, in the whole worker. */
const MOST_KNOWN = 4096;
/** Characters that are decoded and hashed in far less time than a thread takes to be asked. */
const LONGEST = 64 * 1024;

type Header = Omit<Picture, 'bytes'>;

/** By the hash of the bytes; the last used is last. */
const known = new Map<string, Header>();

export function rememberPicture({ bytes: _, ...header }: Picture): void {
  known.delete(header.sha256);
  known.set(header.sha256, header);
  const [oldest] = known.keys();
  if (known.size > MOST_KNOWN && oldest !== undefined) known.delete(oldest);
}

/**
 * A picture that is known already, with bytes of its own.
 * @param encoded data URL or base64
 * @param takesArrays whether arrays are taken as well, which come first
 * @returns undefined for everything else, also for what is no picture
 * @throws FailureError `invalid_image` for what is not base64
 */
export function knownPicture(
  encoded: string,
  takesArrays: boolean,
  at: string,
): Picture | undefined {
  if (known.size === 0 || encoded.length > LONGEST) return undefined;
  const bytes = bytesFromText(encoded, at);
  if (takesArrays && isArrayFile(bytes)) return undefined;
  const header = known.get(createHash('sha256').update(bytes).digest('base64'));
  if (!header) return undefined;
  const picture = { ...header, bytes: new Uint8Array(bytes) };
  rememberPicture(picture);
  return picture;
}
