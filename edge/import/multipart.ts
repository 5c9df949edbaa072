/** A form with the file `ids` and, behind it, the file `vectors`, which is read as it comes. */
import { refusal } from '../../shared/api/problem.ts';
import { pause, SLICE } from '../../shared/pause.ts';
import type { ByteSource } from './bytes.ts';

/** Bytes of all ids at most: they are held while the vectors come. */
const IDS_BYTES = 50_000_000;
/** Their number at most, however short they are. */
const MOST_IDS = 2_000_000;
const HEAD_BYTES = 8192;

const malformed = (why: string) => refusal('invalid_multipart', `the form data ${why}`);
const latin1 = new TextDecoder('latin1');

function boundaryOf(contentType: string): string {
  const match = /;\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))/i.exec(contentType);
  const boundary = match?.[1] ?? match?.[2];
  if (boundary === undefined) throw malformed('has no boundary');
  return boundary;
}

/** Goes behind the headers of a part. @throws FailureError `invalid_multipart` when it is another part */
async function enter(source: ByteSource, name: string): Promise<void> {
  const head = latin1.decode(await source.peek(HEAD_BYTES));
  const end = head.indexOf('\r\n\r\n');
  const disposition = /^content-disposition:.*?;\s*name="?([^";\r\n]*)/im.exec(head.slice(0, end));
  if (end < 0 || disposition?.[1] !== name)
    throw malformed(`must have the files ids and vectors, in this order; ${name} is missing`);
  await source.take(end + 4);
}

/** An id a line, in slices. @throws FailureError `too_large` */
async function idsOf(bytes: Uint8Array): Promise<readonly string[]> {
  const decoder = new TextDecoder();
  const ids: string[] = [];
  let rest = '';
  for (let start = 0; start < bytes.length; start += SLICE) {
    if (start > 0) await pause();
    const slice = bytes.subarray(start, start + SLICE);
    const lines = (rest + decoder.decode(slice, { stream: true })).split(/\r?\n/);
    rest = lines.pop() ?? '';
    for (const line of lines) ids.push(line);
    if (ids.length > MOST_IDS)
      throw refusal('too_large', `the file of ids has more than ${MOST_IDS} lines`);
  }
  rest += decoder.decode();
  return rest === '' ? ids : [...ids, rest];
}

/** Ids of a form, whose vectors come next from the source. */
export async function readIds(source: ByteSource, contentType: string): Promise<readonly string[]> {
  const marker = `\r\n--${boundaryOf(contentType)}`;
  await enter(source, 'ids');
  for (let bytes = 65_536; ; bytes *= 4) {
    const seen = await source.peek(Math.min(bytes, IDS_BYTES));
    const end = latin1.decode(seen).indexOf(marker);
    if (end >= 0) {
      const ids = await idsOf(seen.subarray(0, end));
      await source.take(end + marker.length);
      await enter(source, 'vectors');
      return ids;
    }
    if (seen.length < bytes && seen.length < IDS_BYTES) throw malformed('ends early');
    if (seen.length >= IDS_BYTES)
      throw refusal('too_large', `the file of ids has more than ${IDS_BYTES} bytes`);
  }
}
