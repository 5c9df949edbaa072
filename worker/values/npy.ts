/**
 * NumPy's `.npy`: an ASCII header (type, order, shape), then the values. Nothing in it is trusted: sizes are
 * checked against the file before anything is allocated.
 * https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 */
import { itemAt } from '../../shared/lookup.ts';
import { halfToNumber } from '../safetensors/values.ts';

/** Numbers in row-major order. */
export interface NumberArray {
  readonly dims: readonly number[];
  readonly data: Float64Array | Float32Array;
  /** Of the file: whole numbers, or floats. */
  readonly kind: 'float' | 'int';
  /** Largest value that the file's type holds, for unsigned types. */
  readonly largest?: number;
}

/** A file is not a well-formed array; the message says where. */
export class ArrayError extends Error {
  override readonly name = 'ArrayError';
}

const MAGIC = Buffer.from('\x93NUMPY', 'latin1');
/** More than any array that this server takes could need. */
const MAX_HEADER = 4096;
const MAX_DIMS = 8;
/** Numbers of an array at most. */
const MAX_VALUES = 8_000_000;

export const isNpy = (bytes: Uint8Array): boolean =>
  bytes.length >= MAGIC.length && MAGIC.every((byte, i) => bytes[i] === byte);

interface Type {
  readonly bytes: number;
  readonly kind: NumberArray['kind'];
  readonly largest?: number;
  readonly read: (view: DataView, at: number) => number;
}
const TYPES: Readonly<Record<string, Type>> = {
  f2: { bytes: 2, kind: 'float', read: (view, at) => halfToNumber(view.getUint16(at, true)) },
  f4: { bytes: 4, kind: 'float', read: (view, at) => view.getFloat32(at, true) },
  f8: { bytes: 8, kind: 'float', read: (view, at) => view.getFloat64(at, true) },
  i4: { bytes: 4, kind: 'int', read: (view, at) => view.getInt32(at, true) },
  // Beyond 2^53 neighbours fall together, where no class or pixel is.
  i8: { bytes: 8, kind: 'int', read: (view, at) => Number(view.getBigInt64(at, true)) },
  u1: { bytes: 1, kind: 'int', largest: 255, read: (view, at) => view.getUint8(at) },
  u2: { bytes: 2, kind: 'int', largest: 65535, read: (view, at) => view.getUint16(at, true) },
};

function headerOf(bytes: Buffer): { readonly text: string; readonly end: number } {
  if (!isNpy(bytes)) throw new ArrayError('not an .npy file');
  const version = bytes[6];
  if (bytes.length < 12 || version === undefined || version < 1 || version > 3)
    throw new ArrayError(`version ${version ?? '(none)'} of the format is not read, only 1 to 3`);
  const start = version === 1 ? 10 : 12;
  const length = version === 1 ? bytes.readUInt16LE(8) : bytes.readUInt32LE(8);
  if (length > MAX_HEADER) throw new ArrayError(`header of ${length} bytes, at most ${MAX_HEADER}`);
  if (start + length > bytes.length) throw new ArrayError('the file ends within its header');
  return { text: bytes.toString('latin1', start, start + length), end: start + length };
}

/** The dictionary that the header is, in whatever order; strings in either kind of quotes. */
function described(text: string) {
  const descr = /['"]descr['"]\s*:\s*['"]([<>|=])?([a-zA-Z]\d{1,2})['"]/.exec(text);
  const order = /['"]fortran_order['"]\s*:\s*(True|False)/.exec(text);
  const shape = /['"]shape['"]\s*:\s*\(([\d\s,]*)\)/.exec(text);
  if (!descr || !order || !shape)
    throw new ArrayError('the header does not name a plain type, an order and a shape');
  const name = itemAt(descr, 2, 'the type');
  const type = Object.hasOwn(TYPES, name) ? TYPES[name] : undefined;
  if (!type)
    throw new ArrayError(`type ${name} is not read, only ${Object.keys(TYPES).join(', ')} are`);
  if (descr[1] === '>' && type.bytes > 1) throw new ArrayError('big-endian values are not read');
  if (order[1] === 'True') throw new ArrayError('Fortran order is not read, only C order is');
  const dims = itemAt(shape, 1, 'the shape')
    .split(',')
    .flatMap((size) => (size.trim() === '' ? [] : [Number(size)]));
  if (dims.length > MAX_DIMS) throw new ArrayError(`${dims.length} axes, at most ${MAX_DIMS}`);
  return { type, dims };
}

/** The product of the sizes. @throws ArrayError where it is more than an input may have */
export function countOf(dims: readonly number[]): number {
  let count = 1;
  for (const size of dims) {
    count *= size;
    if (!Number.isSafeInteger(count) || count > MAX_VALUES)
      throw new ArrayError(`more than ${MAX_VALUES} values`);
  }
  return count;
}

/**
 * Reads f2, f4, f8, i4, i8, u1 and u2 in C order.
 * @throws ArrayError
 */
export function readNpy(bytes: Buffer): NumberArray {
  const { text, end } = headerOf(bytes);
  const { type, dims } = described(text);
  const count = countOf(dims);
  const present = bytes.length - end;
  if (present !== count * type.bytes)
    throw new ArrayError(
      `shape (${dims.join(', ')}) takes ${count * type.bytes} bytes, ${present} are there`,
    );
  const view = new DataView(bytes.buffer, bytes.byteOffset + end, present);
  const data = new Float64Array(count);
  for (let i = 0; i < count; i++) data[i] = type.read(view, i * type.bytes);
  const { kind, largest } = type;
  return { dims, data, kind, ...(largest !== undefined && { largest }) };
}

/** Bytes of an `.npy` file, version 1.0: little-endian float32 in C order. */
export function writeNpy(values: Float32Array, dims: readonly number[]): Buffer {
  const shape = dims.length === 1 ? `(${dims[0]},)` : `(${dims.join(', ')})`;
  const header = `{'descr': '<f4', 'fortran_order': False, 'shape': ${shape}, }`;
  // Magic, version and length take 10 bytes; data starts at a multiple of 64.
  const padded = `${header.padEnd(Math.ceil((header.length + 11) / 64) * 64 - 11)}\n`;
  const prefix = Buffer.alloc(10);
  prefix.write('\x93NUMPY\x01\x00', 'latin1');
  prefix.writeUInt16LE(padded.length, 8);
  const data = Buffer.alloc(values.length * 4);
  const view = new DataView(data.buffer, data.byteOffset);
  for (let i = 0; i < values.length; i++) view.setFloat32(i * 4, values[i] ?? 0, true);
  return Buffer.concat([prefix, Buffer.from(padded, 'latin1'), data]);
}
