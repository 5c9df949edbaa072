/** A checkpoint on disk, in one file or in shards: headers are read at once, tensors only when asked for. */
import { constants } from 'node:buffer';
import { valueAt } from '../../shared/lookup.ts';
import { SafetensorsError } from './errors.ts';
import type { SafetensorsHeader, StoredTensor } from './header.ts';
import { type MetadataValue, parseMetadataValue } from './metadata.ts';
import { type OpenShards, openShards } from './shards.ts';
import { type ByteSource, type OpenSource, openFile } from './source.ts';
import { toFloats } from './values.ts';

export interface Checkpoint {
  /** The file that was opened: the tensors' own, or the index of its shards. */
  readonly file: string;
  /** The safetensors files that hold the tensors: this one, or the shards. */
  readonly files: readonly string[];
  /** Bytes of all files. */
  readonly size: number;
  readonly tensors: SafetensorsHeader['tensors'];
  /** As stored; `config` holds the same values parsed. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly config: Readonly<Record<string, MetadataValue>>;
  /** A tensor's bytes. @throws SafetensorsError where there is none of that name */
  read(name: string): Promise<Uint8Array>;
  /** A tensor's values as float32 (from F32, F16, BF16), row-major. */
  readFloats(name: string): Promise<Float32Array>;
  /**
   * As `readFloats`, of `count` rows from row `first` on; rows are what the first axis counts.
   * @throws SafetensorsError where the tensor has no such rows
   */
  readRows(name: string, first: number, count: number): Promise<Float32Array>;
  close(): Promise<void>;
}

/**
 * Opens a checkpoint. What is read at once never exceeds the size of the files, and float32 values take
 * at most twice the bytes of the half-precision tensor they come from.
 * @param file a safetensors file, or an index (`*.safetensors.index.json`) beside the shards it names
 * @throws SafetensorsError where a file is not well-formed, or shards and index do not agree; the system's
 *   error where a file cannot be read
 */
export async function openCheckpoint(
  file: string,
  open: OpenSource = openFile,
): Promise<Checkpoint> {
  const opened: ByteSource[] = [];
  const close = async () => {
    await Promise.all(opened.map((source) => source.close()));
  };
  try {
    const shards = await openShards(file, async (path) => {
      const source = await open(path);
      opened.push(source);
      return source;
    });
    return { file, ...described(shards), ...reader(file, shards), close };
  } catch (error) {
    await close();
    throw error;
  }
}

const described = ({ sources, tensors, metadata }: OpenShards) => ({
  files: [...sources.keys()],
  size: [...sources.values()].reduce((total, { size }) => total + size, 0),
  tensors,
  metadata,
  config: Object.fromEntries(
    Object.entries(metadata).map(([key, value]) => [key, parseMetadataValue(value)]),
  ),
});

function reader(
  file: string,
  { sources, tensors }: OpenShards,
): Pick<Checkpoint, 'read' | 'readFloats' | 'readRows'> {
  const find = (name: string): StoredTensor => {
    const tensor = tensors.get(name);
    if (!tensor) throw new SafetensorsError(file, 'not in the file', name);
    return tensor;
  };
  const bytes = (tensor: StoredTensor, from = 0, length = tensor.length) => {
    if (length > constants.MAX_LENGTH)
      throw new SafetensorsError(
        tensor.file,
        `${length} bytes are more than can be read at once`,
        tensor.name,
      );
    return valueAt(sources, tensor.file, file).read(tensor.offset + from, length);
  };
  return {
    read: async (name) => bytes(find(name)),
    readFloats: async (name) => {
      const tensor = find(name);
      return toFloats(tensor, await bytes(tensor));
    },
    readRows: async (name, first, count) => {
      const tensor = find(name);
      const rowBytes = rowLength(tensor, first, count);
      return toFloats(tensor, await bytes(tensor, first * rowBytes, count * rowBytes));
    },
  };
}

/** Bytes of a row, once it is sure that the tensor has the rows asked for. */
function rowLength({ file, name, shape, length }: StoredTensor, first: number, count: number) {
  const rows = shape[0];
  if (rows === undefined) throw new SafetensorsError(file, 'a single value, without rows', name);
  const isRange = [first, count].every((value) => Number.isSafeInteger(value) && value >= 0);
  if (!isRange || first + count > rows)
    throw new SafetensorsError(
      file,
      `rows ${first} to ${first + count} asked for, ${rows} there`,
      name,
    );
  return rows === 0 ? 0 : length / rows;
}
