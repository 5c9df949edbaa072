/** A piece of a file that one worker takes at a time. */

import { refusal } from '../../shared/api/problem.ts';
import type { ByteSource } from './bytes.ts';
import { takeExactly } from './bytes.ts';

export interface Piece {
  readonly format: 'jsonl' | 'npy' | 'parquet';
  readonly data: Uint8Array<ArrayBuffer>;
  readonly ids?: string[];
  /** Its first line in the file, from 1 on. */
  readonly line: number;
}

/** Bytes of a piece: of those a process holds a handful, however large the file is. */
export const PIECE_BYTES = 2_000_000;
/** Bytes of a line at most: those of a body, in base64. */
const LINE_BYTES = 28_000_000;
const NEWLINE = 0x0a;

/** How lines are cut into pieces. */
export interface LineBounds {
  /** Bytes of a piece, unless one line has more. */
  readonly pieceBytes: number;
  /** Lines of a piece at most. */
  readonly pieceLines: number;
  readonly lineBytes: number;
}

const ITEM_LINES: LineBounds = {
  pieceBytes: PIECE_BYTES,
  pieceLines: Number.POSITIVE_INFINITY,
  lineBytes: LINE_BYTES,
};

/**
 * Where so many lines end, or all that are whole where there are fewer; 0 where there is none.
 * @param isEnd whether nothing comes behind these bytes, so that the last line needs no end
 */
function endOfLines(bytes: Uint8Array, most: number, isEnd: boolean): number {
  if (most === Number.POSITIVE_INFINITY)
    return isEnd ? bytes.length : bytes.lastIndexOf(NEWLINE) + 1;
  let end = 0;
  for (let lines = 0; lines < most; lines++) {
    const next = bytes.indexOf(NEWLINE, end);
    if (next < 0) return isEnd ? bytes.length : end;
    end = next + 1;
  }
  return end;
}

/** Whole lines, as many as a piece takes. @throws FailureError `too_large` for an endless line */
export async function* linePieces(
  source: ByteSource,
  { pieceBytes, pieceLines, lineBytes }: LineBounds = ITEM_LINES,
): AsyncGenerator<Piece> {
  let line = 1;
  for (let bytes = pieceBytes; ; ) {
    const seen = await source.peek(bytes);
    if (seen.length === 0) return;
    const end = endOfLines(seen, pieceLines, seen.length < bytes);
    if (end === 0) {
      if (bytes >= lineBytes)
        throw refusal('too_large', `line ${line} has more than ${lineBytes} bytes`);
      bytes = Math.min(lineBytes, bytes * 2);
      continue;
    }
    const data = await source.take(end);
    yield { format: 'jsonl', data, line };
    for (const code of data) if (code === NEWLINE) line++;
    bytes = pieceBytes;
  }
}

/** Rows of a piece at most: each has an id, whatever its own bytes. */
const PIECE_ROWS = 20_000;

const MAGIC = '\x93NUMPY';
const MOST_HEADER = 4096;

interface Header {
  readonly type: string;
  readonly rows: number;
  readonly columns: number;
  readonly rowBytes: number;
}

const unreadable = (why: string) =>
  refusal('invalid_request', `the .npy file cannot be read: ${why}`);

/** What the header says; the worker that reads the values checks the rest of it. */
async function npyHeader(source: ByteSource): Promise<Header> {
  const start = await takeExactly(source, 10, 'its header');
  const text = new TextDecoder('latin1');
  if (
    text.decode(start.subarray(0, 6)) !==
    text.decode(Uint8Array.from(MAGIC, (c) => c.charCodeAt(0)))
  )
    throw unreadable('it does not begin as one');
  const view = new DataView(start.buffer);
  let length = view.getUint16(8, true);
  if (start[6] !== 1) {
    const more = await takeExactly(source, 2, 'its header');
    length += ((more[0] ?? 0) + ((more[1] ?? 0) << 8)) * 65_536;
  }
  if (length > MOST_HEADER) throw unreadable(`its header has ${length} bytes`);
  const header = text.decode(await takeExactly(source, length, 'its header'));
  const type = /['"]descr['"]\s*:\s*['"]([<|]?f([248]))['"]/.exec(header);
  const shape = /['"]shape['"]\s*:\s*\(\s*(\d{1,12})\s*,\s*(\d{1,6})\s*,?\s*\)/.exec(header);
  if (!type) throw unreadable('its numbers must be floats of 16, 32 or 64 bits, little-endian');
  if (!shape) throw unreadable('its shape must be (N, D)');
  if (/['"]fortran_order['"]\s*:\s*True/.test(header)) throw unreadable('it is in Fortran order');
  const [rows, columns] = [Number(shape[1]), Number(shape[2])];
  // Rows of no bytes would be as many as the header says.
  if (columns === 0) throw unreadable('its vectors have no numbers');
  return { type: type[1] ?? '', rows, columns, rowBytes: columns * Number(type[2]) };
}

/** Some rows as a file of their own. */
function npyFile(
  { type, columns }: Header,
  rows: number,
  values: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const said = `{'descr': '${type}', 'fortran_order': False, 'shape': (${rows}, ${columns}), }`;
  const padded = `${said.padEnd(Math.ceil((said.length + 11) / 64) * 64 - 11)}\n`;
  const head = Uint8Array.from(
    `${MAGIC}\x01\x00${String.fromCharCode(padded.length & 255, padded.length >> 8)}${padded}`,
    (character) => character.charCodeAt(0),
  );
  const file = new Uint8Array(head.length + values.length);
  file.set(head);
  file.set(values, head.length);
  return file;
}

/**
 * Rows of an array, as many as a piece takes.
 * @param idsOf ids of rows from one to before another
 */
export async function* npyPieces(
  source: ByteSource,
  idsOf: (from: number, to: number, rows: number) => string[],
): AsyncGenerator<Piece> {
  const header = await npyHeader(source);
  const { rows, rowBytes } = header;
  const together = Math.min(PIECE_ROWS, Math.max(1, Math.floor(PIECE_BYTES / rowBytes)));
  for (let from = 0; from < rows; from += together) {
    const to = Math.min(rows, from + together);
    const ids = idsOf(from, to, rows);
    const values = await takeExactly(
      source,
      (to - from) * rowBytes,
      `row ${from} and those behind it`,
    );
    yield { format: 'npy', data: npyFile(header, to - from, values), ids, line: from + 1 };
  }
}
