/** A piece of a file of items: each line stands alone, so that one that does not fit holds up no other. */
import type { CollectionOperation } from '../../shared/api/collectionWork.ts';
import { type LineError, MOST_LINE_ERRORS } from '../../shared/api/import.ts';
import { FailureError } from '../../shared/api/problem.ts';
import { itemAt } from '../../shared/lookup.ts';
import type { Collections } from '../retrieval/collections.ts';
import type { Description } from '../retrieval/description.ts';
import { assertMetadata, type Row } from '../retrieval/rows.ts';
import { inThread } from '../threads/inThread.ts';
import { type ImportPiece, lineError, type ReadLine } from '../values/importRows.ts';
import { type Vectorised, type Vectorising, vectorsOf } from './vectorise.ts';

export type ImportOperation = Extract<CollectionOperation, { do: 'import' }>;

/** Rows of a Parquet file that are read at a time. */
const ROWS = 1000;

export interface Imported {
  readonly items: number;
  readonly failed: number;
  readonly errors: LineError[];
}

interface Tally {
  items: number;
  failed: number;
  readonly errors: LineError[];
}

function fail(tally: Tally, error: LineError, first: number): void {
  tally.failed++;
  if (tally.errors.length < MOST_LINE_ERRORS)
    tally.errors.push({ ...error, line: first + error.line });
}

/** Vectors of lines, together where all fit, one by one where some do not. */
async function vectorsOfLines(
  lines: readonly ReadLine[],
  description: Description,
  context: Vectorising,
): Promise<(Vectorised | LineError)[]> {
  const placed = lines.map(({ item }) => ({ source: item, path: [] }));
  try {
    return await vectorsOf(placed, description, context);
  } catch (error) {
    context.signal.throwIfAborted();
    // That is no line's own fault.
    if (error instanceof FailureError && error.failure.code === 'licence_refused') throw error;
    lineError(0, error);
  }
  const made: (Vectorised | LineError)[] = [];
  for (const [index, { line }] of lines.entries()) {
    try {
      made.push(...(await vectorsOf([itemAt(placed, index, 'lines')], description, context)));
    } catch (error) {
      context.signal.throwIfAborted();
      made.push(lineError(line, error));
    }
  }
  return made;
}

/** Keeps what can be kept of a piece. */
async function keep(
  lines: readonly ReadLine[],
  first: number,
  tally: Tally,
  description: Description,
  collections: Collections,
  context: Vectorising,
): Promise<void> {
  const fitting = lines.filter(({ line, item }) => {
    try {
      assertMetadata(item.metadata, description, ['metadata']);
      return true;
    } catch (error) {
      fail(tally, lineError(line, error), first);
      return false;
    }
  });
  const vectors = await vectorsOfLines(fitting, description, context);
  // Of lines with one id the last counts, as if they had been added one behind the other.
  const rows = new Map<string, Row>();
  let kept = 0;
  for (const [index, { item }] of fitting.entries()) {
    const own = itemAt(vectors, index, 'vectors');
    if ('code' in own) {
      fail(tally, own, first);
      continue;
    }
    rows.set(item.id, { id: item.id, metadata: item.metadata, vector: own.vector });
    kept++;
  }
  await collections.put({ tenant: context.tenant, description }, [...rows.values()]);
  tally.items += kept;
}

/** @throws FailureError `invalid_request` for a file that cannot be read at all, `unknown_collection` */
export async function importItems(
  { name, line: first, ...given }: ImportOperation,
  collections: Collections,
  context: Vectorising,
): Promise<Imported> {
  const description = await collections.describe({ tenant: context.tenant, name });
  const data = new Uint8Array(Buffer.from(given.data, 'base64'));
  const tally: Tally = { items: 0, failed: 0, errors: [] };
  const { signal } = context;
  const read = async (piece: ImportPiece): Promise<number> => {
    const {
      lines,
      errors,
      all = 0,
    } = await inThread('importRows', piece, { signal, lane: 'long' });
    for (const error of errors) fail(tally, error, first);
    await keep(lines, first, tally, description, collections, context);
    return all;
  };
  if (given.format === 'parquet') {
    let all = 1;
    for (let from = 0; from < all; from += ROWS)
      all = await read({ format: 'parquet', data, from, to: from + ROWS });
  } else if (given.format === 'npy') await read({ format: 'npy', data, ids: given.ids ?? [] });
  else await read({ format: 'jsonl', data });
  tally.errors.sort((a, b) => a.line - b.line);
  return tally;
}
