/** Rows of a Parquet file as items: its columns are named as the fields of an item are. */
import type { FileMetaData } from 'hyparquet';
import { ArrayError } from './npy.ts';

/** Bytes that a file may have when its pages are not compressed. */
const MOST_BYTES = 512 * 1024 * 1024;

const INPUTS = 'inputs.';

type ReadMetadata = (buffer: ArrayBuffer) => FileMetaData;

function metadataOf(buffer: ArrayBuffer, parquetMetadata: ReadMetadata): FileMetaData {
  let metadata: FileMetaData;
  try {
    metadata = parquetMetadata(buffer);
  } catch (cause) {
    throw new ArrayError('it is no Parquet file, or ends early', { cause });
  }
  const bytes = metadata.row_groups.reduce((sum, group) => sum + Number(group.total_byte_size), 0);
  if (!(bytes <= MOST_BYTES)) throw new ArrayError(`its pages have more than ${MOST_BYTES} bytes`);
  return metadata;
}

/** Whole numbers come as bigints; what has no place in JSON is left for the schema to refuse. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (ArrayBuffer.isView(value)) return Array.from(value as Float64Array, plain);
  return Array.isArray(value) ? value.map(plain) : value;
}

function itemOf(row: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const inputs: Record<string, unknown> = {};
  const metadata: Record<string, unknown> = {};
  const item: Record<string, unknown> = {};
  for (const [column, own] of Object.entries(row)) {
    if (own === null || own === undefined) continue;
    const value = plain(own);
    if (column === 'id' || column === 'vector') item[column] = value;
    else if (column.startsWith(INPUTS)) inputs[column.slice(INPUTS.length)] = value;
    else metadata[column] = value;
  }
  return { ...item, ...(Object.keys(inputs).length > 0 && { inputs }), metadata };
}

export interface ParquetRows {
  readonly rows: readonly Record<string, unknown>[];
  /** Rows of the whole file. */
  readonly all: number;
}

/** Rows from one to before another. @throws ArrayError */
export async function parquetRows(
  data: Uint8Array,
  from: number,
  to: number,
): Promise<ParquetRows> {
  // Eighty modules that a worker would load twice as it starts, and few ever use.
  const { parquetMetadata, parquetReadObjects } = await import('hyparquet');
  const buffer = new Uint8Array(data).buffer;
  const metadata = metadataOf(buffer, parquetMetadata);
  const all = Number(metadata.num_rows);
  const rowEnd = Math.min(to, all);
  if (from >= rowEnd) return { rows: [], all };
  const { compressors } = await import('hyparquet-compressors');
  try {
    const options = { metadata, compressors, rowStart: from, rowEnd };
    const rows: Record<string, unknown>[] = await parquetReadObjects({ file: buffer, ...options });
    return { rows: rows.map(itemOf), all };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ArrayError(`its pages cannot be read (${why})`, { cause });
  }
}
