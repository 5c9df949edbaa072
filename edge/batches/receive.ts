/** The file of a batch, as it comes -> pieces in the store. */
import { MOST_BATCH_BYTES, MOST_LINES } from '../../shared/api/batchLimits.ts';
import { refusal } from '../../shared/api/problem.ts';
import type { BatchName } from '../../shared/batches/batch.ts';
import type { BatchStore } from '../../shared/batches/batchStore.ts';
import { byteSource } from '../import/bytes.ts';
import { type LineBounds, linePieces } from '../import/pieces.ts';

/** What was sent. */
export interface Received {
  /** Lines that are not blank. */
  readonly lines: number;
  readonly bytes: number;
  /** Number of each piece's first line, from 1. */
  readonly pieces: number[];
}

/** A piece is what is worked on again after a kill, and what is held of the input at a time. */
const PIECE: Omit<LineBounds, 'lineBytes'> = { pieceBytes: 1_000_000, pieceLines: 200 };

const NEWLINE = 0x0a;
const isSpace = (code: number): boolean => code === 0x20 || code === 0x09 || code === 0x0d;

/** Lines of whole lines that hold anything but white space. */
function countLines(bytes: Uint8Array): number {
  let lines = 0;
  let isBlank = true;
  for (const code of bytes) {
    if (code === NEWLINE) isBlank = true;
    else if (isBlank && !isSpace(code)) {
      lines++;
      isBlank = false;
    }
  }
  return lines;
}

/**
 * @param chunks the file, whose rest is not read where it is refused
 * @param lineBytes bytes of a line at most
 * @throws FailureError `too_many_lines`, `too_large`, `empty_request`; what the body and the store throw
 */
export async function receivePieces(
  batches: BatchStore,
  name: BatchName,
  chunks: AsyncIterator<Uint8Array>,
  lineBytes: number,
): Promise<Received> {
  const bounds = { ...PIECE, lineBytes, pieceBytes: Math.min(PIECE.pieceBytes, lineBytes) };
  let [lines, bytes] = [0, 0];
  const pieces: number[] = [];
  for await (const { data, line } of linePieces(byteSource(chunks), bounds)) {
    const own = countLines(data);
    lines += own;
    bytes += data.length;
    if (lines > MOST_LINES)
      throw refusal('too_many_lines', `a batch has at most ${MOST_LINES} lines`);
    if (bytes > MOST_BATCH_BYTES)
      throw refusal('too_large', `a batch has at most ${MOST_BATCH_BYTES} bytes`);
    // What is blank is nobody's work.
    if (own === 0) continue;
    await batches.putPiece(name, pieces.length, data);
    pieces.push(line);
  }
  if (lines === 0) throw refusal('empty_request', 'the batch has no lines');
  return { lines, bytes, pieces };
}
