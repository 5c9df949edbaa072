/**
 * Multipart form data (RFC 7578) in bytes. Parts are views of the body, so that a file of many megabytes
 * is not copied, and their number is bounded.
 */
import { refusal } from '../../shared/api/problem.ts';
import { LONG_SLICE, pause } from '../../shared/pause.ts';

export interface Part {
  readonly name: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Whether the part has a file name; a part without one is a field of text. */
  readonly isFile: boolean;
}

/** Parts of a form, and bytes of the headers of one, at most. */
const MOST_PARTS = 128;
const MOST_HEADER_BYTES = 8192;

/** Line ends that are looked at between two pauses. */
const MOST_STEPS = 2000;

const CR = 0x0d;
const decoder = new TextDecoder();
const encoder = new TextEncoder();

const malformed = (why: string) => refusal('invalid_multipart', `the form data ${why}`);

/** Where a line end and the marker begin; -1 where they do not. */
async function find(bytes: Uint8Array, marker: Uint8Array, from: number): Promise<number> {
  let [paused, steps] = [from, 0];
  for (let at = bytes.indexOf(CR, from); at >= 0; at = bytes.indexOf(CR, at + 1)) {
    if (marker.every((code, i) => bytes[at + i] === code)) return at;
    if (at - paused < LONG_SLICE && ++steps % MOST_STEPS > 0) continue;
    paused = at;
    await pause();
  }
  return -1;
}

/** What stands in quotes behind `name=`: escaped with percents by browsers, with backslashes by others. */
function parameterOf(disposition: string, parameter: string): string | undefined {
  const match = new RegExp(`;\\s*${parameter}="((?:[^"\\\\]|\\\\.)*)"`, 'i').exec(disposition);
  const plain =
    match?.[1] ?? new RegExp(`;\\s*${parameter}=([^\\s;"]+)`, 'i').exec(disposition)?.[1];
  return plain
    ?.replaceAll(/\\(["\\])/g, '$1')
    .replaceAll(/%(0A|0D|22)/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

function readPart(head: string, bytes: Uint8Array<ArrayBuffer>): Part {
  const disposition = /^content-disposition:(.*)$/im.exec(head)?.[1] ?? '';
  const name = parameterOf(disposition, 'name');
  if (name === undefined) throw malformed('has a part without a name');
  const isFile = /;\s*filename\*?=/i.test(disposition);
  return { name, bytes, isFile };
}

/** @throws FailureError `invalid_multipart`, `too_large` */
export async function readParts(
  body: Uint8Array<ArrayBuffer>,
  contentType: string,
): Promise<Part[]> {
  const match = /;\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))/i.exec(contentType);
  const boundary = match?.[1] ?? match?.[2];
  if (boundary === undefined) throw malformed('has no boundary');
  const marker = encoder.encode(`\r\n--${boundary}`);
  const blankLine = encoder.encode('\r\n\r\n');
  const opening = marker.subarray(2);
  const parts: Part[] = [];
  // The first boundary may stand at the very beginning, without a line end before it.
  let at = opening.every((code, i) => body[i] === code) ? -2 : await find(body, marker, 0);
  for (;;) {
    const behind = at + marker.length;
    const after = decoder.decode(body.subarray(behind, behind + 2));
    if (after === '--') return parts;
    if (at === -1 || after !== '\r\n') throw malformed('ends early');
    if (parts.length === MOST_PARTS) {
      throw refusal('too_large', `a form has at most ${MOST_PARTS} fields`);
    }
    // The headers begin behind the line end; where there are none, it is half of the blank line.
    const window = body.subarray(behind, behind + MOST_HEADER_BYTES);
    const blank = await find(window, blankLine, 0);
    if (blank < 0) throw malformed('has a part whose headers do not end');
    const start = behind + blank + blankLine.length;
    const end = await find(body, marker, start - 2);
    if (end < 0) throw malformed('ends early');
    parts.push(readPart(decoder.decode(window.subarray(0, blank)), body.subarray(start, end)));
    at = end;
  }
}
