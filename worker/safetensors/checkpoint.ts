/** A safetensors file on disk: the header is read at once, tensors only when asked for. */
import { type FileHandle, open } from 'node:fs/promises';
import {
  BYTES_PER_ELEMENT,
  headerLength,
  parseHeader,
  SafetensorsError,
  type SafetensorsHeader,
  type StoredTensor,
} from './header.ts';
import { type MetadataValue, parseMetadataValue } from './metadata.ts';

export interface Checkpoint {
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
  /** As `readFloats`, of `count` rows from row `first` on; rows are what the first axis counts. */
  readRows(name: string, first: number, count: number): Promise<Float32Array>;
  close(): Promise<void>;
}

/**
 * Opens a checkpoint.
 * @throws SafetensorsError where the file is not well-formed, or the system's error where it cannot be read
 */
export async function openCheckpoint(file: string): Promise<Checkpoint> {
  const handle = await open(file, 'r');
  try {
    const { size } = await handle.stat();
    const length = headerLength(file, await readRange(file, handle, 0, Math.min(8, size)), size);
    const json = await readRange(file, handle, 8, length);
    const { tensors, metadata } = parseHeader(file, json, size);
    const read = async (name: string) => {
      const { offset, length: bytes } = find(file, tensors, name);
      return readRange(file, handle, offset, bytes);
    };
    return {
      file,
      files: [file],
      size,
      tensors,
      metadata,
      config: Object.fromEntries(
        Object.entries(metadata).map(([key, value]) => [key, parseMetadataValue(value)]),
      ),
      read,
      readFloats: async (name) => toFloats(file, find(file, tensors, name), await read(name)),
      readRows: async (name, first, count) => {
        const tensor = find(file, tensors, name);
        const rowBytes = tensor.length / (tensor.shape[0] ?? 1);
        const bytes = await readRange(
          file,
          handle,
          tensor.offset + first * rowBytes,
          count * rowBytes,
        );
        return toFloats(file, tensor, bytes);
      },
      close: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

function find(file: string, tensors: Checkpoint['tensors'], name: string): StoredTensor {
  const tensor = tensors.get(name);
  if (!tensor) throw new SafetensorsError(file, 'not in the file', name);
  return tensor;
}

async function readRange(
  file: string,
  handle: FileHandle,
  position: number,
  length: number,
): Promise<Uint8Array> {
  const buffer = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await handle.read(buffer, done, length - done, position + done);
    if (bytesRead === 0) throw new SafetensorsError(file, `ends at byte ${position + done}`);
    done += bytesRead;
  }
  return buffer;
}

function toFloats(file: string, tensor: StoredTensor, data: Uint8Array): Float32Array {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const count = data.length / BYTES_PER_ELEMENT[tensor.type];
  const each = (valueAt: (i: number) => number) =>
    Float32Array.from({ length: count }, (_, i) => valueAt(i));
  switch (tensor.type) {
    case 'F32':
      return each((i) => view.getFloat32(4 * i, true));
    case 'F16':
      return each((i) => halfToNumber(view.getUint16(2 * i, true)));
    case 'BF16': {
      // bfloat16 is the upper half of a float32.
      const wide = new Uint32Array(count);
      for (let i = 0; i < count; i++) wide[i] = view.getUint16(2 * i, true) << 16;
      return new Float32Array(wide.buffer);
    }
    default:
      throw new SafetensorsError(file, `${tensor.type} is not a floating-point type`, tensor.name);
  }
}

/** IEEE 754 binary16. */
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
