/** Files that come as text: data URLs, or plain base64. */
import { type ProblemCode, refusal } from '../../shared/api/problem.ts';

/** Characters before the comma of a data URL at most. */
const LONGEST_PREFIX = 300;

/** Base64 without its padding; undefined when the length is that of no bytes. */
function unpadded(base64: string): string | undefined {
  let end = base64.length;
  while (end > 0 && base64.length - end < 2 && base64[end - 1] === '=') end--;
  return end % 4 === 1 ? undefined : base64.slice(0, end);
}

/** The bytes of base64; undefined where it holds anything else. */
function decoded(base64: string): Buffer | undefined {
  const digits = unpadded(base64);
  if (digits === undefined || digits === '') return undefined;
  // The decoder skips what is not base64, so the length tells whether all of it was.
  const bytes = Buffer.from(digits, 'base64');
  return bytes.length === Math.floor((digits.length * 3) / 4) ? bytes : undefined;
}

/**
 * The bytes of a data URL, or of plain base64. Spaces and line breaks are skipped.
 * @throws FailureError of the given code when it is neither
 */
export function bytesFromText(
  text: string,
  pointer: string,
  code: ProblemCode = 'invalid_image',
): Buffer {
  const isDataUrl = text.startsWith('data:');
  const comma = isDataUrl ? text.slice(0, LONGEST_PREFIX).indexOf(',') : -1;
  if (isDataUrl && (comma < 0 || !text.slice(0, comma).endsWith(';base64')))
    throw refusal(code, 'the data URL is not in base64', pointer);
  const base64 = isDataUrl ? text.slice(comma + 1) : text;
  const bytes = decoded(base64) ?? decoded(base64.replace(/\s+/g, ''));
  if (!bytes) throw refusal(code, 'the file is neither a base64 data URL nor base64', pointer);
  return bytes;
}
