/** Files of items -> items, a piece of a file at a time. What is wrong with a line is told of that line alone. */
import { type GivenItem, givenItemSchema } from '../../shared/api/collections.ts';
import type { LineError } from '../../shared/api/import.ts';
import { parseBody } from '../../shared/api/parse.ts';
import { FailureError } from '../../shared/api/problem.ts';
import { ArrayError, readNpy } from './npy.ts';
import { parquetRows } from './parquet.ts';

export type ImportPiece =
  | { readonly format: 'jsonl'; readonly data: Uint8Array }
  /** Rows with an id each. */
  | { readonly format: 'npy'; readonly data: Uint8Array; readonly ids: readonly string[] }
  | {
      readonly format: 'parquet';
      readonly data: Uint8Array;
      readonly from: number;
      readonly to: number;
    };

/** A line that can be an item. */
export interface ReadLine {
  /** Within the piece, from 0 on. */
  readonly line: number;
  readonly item: GivenItem;
}

export interface ReadPiece {
  readonly lines: readonly ReadLine[];
  readonly errors: readonly LineError[];
  /** Lines of the whole file, where the piece tells. */
  readonly all?: number;
}

/** What a failure says of a line. */
export function lineError(line: number, error: unknown): LineError {
  if (!(error instanceof FailureError)) throw error;
  const { code, detail, errors = [] } = error.failure;
  return { line, code, detail: errors[0]?.detail ?? detail, pointer: errors[0]?.pointer ?? '' };
}

function readItems(values: Iterable<readonly [number, () => unknown]>): ReadPiece {
  const lines: ReadLine[] = [];
  const errors: LineError[] = [];
  for (const [line, value] of values) {
    try {
      lines.push({ line, item: parseBody(givenItemSchema, value()) });
    } catch (error) {
      errors.push(lineError(line, error));
    }
  }
  return { lines, errors };
}

function* jsonLines(data: Uint8Array): Generator<readonly [number, () => unknown]> {
  const text = new TextDecoder().decode(data);
  for (const [line, own] of text.split('\n').entries()) {
    if (own.trim() === '') continue;
    yield [
      line,
      () => {
        try {
          return JSON.parse(own) as unknown;
        } catch (cause) {
          throw new FailureError(
            { code: 'invalid_json', detail: 'the line is not valid JSON' },
            { cause },
          );
        }
      },
    ];
  }
}

function npyItems(data: Uint8Array, ids: readonly string[]): ReadPiece {
  const { dims, data: numbers } = readNpy(Buffer.from(data.buffer, data.byteOffset, data.length));
  const [rows = 0, columns = 0] = dims;
  if (rows !== ids.length) throw new ArrayError(`${rows} rows, but ${ids.length} ids`);
  const vectorOf = (row: number): number[] =>
    Array.from(numbers.subarray(row * columns, (row + 1) * columns));
  return readItems(ids.map((id, row) => [row, () => ({ id, vector: vectorOf(row) })] as const));
}

/** @throws FailureError `invalid_request` for a file that cannot be read at all */
export async function importRows(piece: ImportPiece): Promise<ReadPiece> {
  try {
    switch (piece.format) {
      case 'jsonl':
        return readItems(jsonLines(piece.data));
      case 'npy':
        return npyItems(piece.data, piece.ids);
      case 'parquet': {
        const { rows, all } = await parquetRows(piece.data, piece.from, piece.to);
        return { ...readItems(rows.map((row, i) => [piece.from + i, () => row] as const)), all };
      }
    }
  } catch (error) {
    if (!(error instanceof ArrayError)) throw error;
    const detail = `the ${piece.format} file cannot be read: ${error.message}`;
    throw new FailureError({ code: 'invalid_request', detail }, { cause: error });
  }
}
