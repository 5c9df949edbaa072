/**
 * The header of a safetensors file: 8 bytes of little-endian length, then JSON that gives every tensor's
 * type, shape and byte range. Nothing in it is trusted: each length is bounded by the file's size before
 * anything is allocated. https://huggingface.co/docs/safetensors/index#format
 */
import { printable, SafetensorsError } from './errors.ts';
import { isRecord, parseObject } from './json.ts';

export { SafetensorsError } from './errors.ts';

/** Limit of the reference implementation as well. */
export const MAX_HEADER_BYTES = 100_000_000;

export const BYTES_PER_ELEMENT = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
} as const;
export type StoredType = keyof typeof BYTES_PER_ELEMENT;

/** Types of the format that no 4M checkpoint uses. */
const OTHER_TYPES: ReadonlySet<unknown> = new Set([
  ...['F4', 'F6_E2M3', 'F6_E3M2', 'F8_E4M3', 'F8_E5M2', 'F8_E8M0', 'F8_E4M3FNUZ', 'F8_E5M2FNUZ'],
  ...['U16', 'U32', 'U64', 'C64'],
]);

export interface StoredTensor {
  readonly name: string;
  readonly type: StoredType;
  readonly shape: readonly number[];
  /** The file it lies in: one of several where a checkpoint is sharded. */
  readonly file: string;
  /** Bytes from the start of the file. */
  readonly offset: number;
  readonly length: number;
}

export interface SafetensorsHeader {
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Length of the JSON header from the file's first 8 bytes, checked against the file's size.
 * @throws SafetensorsError
 */
export function headerLength(file: string, prefix: Uint8Array, fileSize: number): number {
  if (fileSize < 8 || prefix.length < 8) throw new SafetensorsError(file, 'shorter than 8 bytes');
  const length = new DataView(prefix.buffer, prefix.byteOffset, 8).getBigUint64(0, true);
  if (length > BigInt(MAX_HEADER_BYTES))
    throw new SafetensorsError(
      file,
      `header of ${length} bytes, at most ${MAX_HEADER_BYTES} allowed`,
    );
  if (length > BigInt(fileSize - 8))
    throw new SafetensorsError(file, `header of ${length} bytes in a file of ${fileSize}`);
  return Number(length);
}

const isCount = (value: unknown): value is number =>
  Number.isSafeInteger(value) && Number(value) >= 0;

/**
 * Parses the JSON header of a file.
 * @param json the header's bytes, as long as `headerLength` said
 * @throws SafetensorsError where a type is unknown, a shape does not fit its byte range, or the ranges do
 *   not cover the data section exactly once
 */
export function parseHeader(file: string, json: Uint8Array, fileSize: number): SafetensorsHeader {
  const dataStart = 8 + json.length;
  const tensors = new Map<string, StoredTensor>();
  let metadata: Record<string, string> = {};
  for (const [name, entry] of Object.entries(parseObject(file, 'the header', json))) {
    if (name === '__metadata__') metadata = parseStrings(file, entry);
    else tensors.set(name, parseEntry(file, name, entry, dataStart, fileSize));
  }
  checkCoverage(file, [...tensors.values()], dataStart, fileSize);
  return { tensors, metadata };
}

function parseStrings(file: string, entry: unknown): Record<string, string> {
  if (!isRecord(entry)) throw new SafetensorsError(file, '__metadata__ is not an object');
  return Object.fromEntries(
    Object.entries(entry).map(([key, value]) => {
      if (typeof value !== 'string')
        throw new SafetensorsError(file, `__metadata__.${printable(key)} is not a string`);
      return [key, value];
    }),
  );
}

function parseEntry(
  file: string,
  name: string,
  entry: unknown,
  dataStart: number,
  fileSize: number,
): StoredTensor {
  const fail = (problem: string) => new SafetensorsError(file, problem, name);
  if (!isRecord(entry)) throw fail('not an object');
  const { dtype, shape, data_offsets: range } = entry;
  if (OTHER_TYPES.has(dtype))
    throw fail(
      `unsupported type ${dtype}; known are ${Object.keys(BYTES_PER_ELEMENT).join(', ')}, and weights are F32, F16 or BF16`,
    );
  if (typeof dtype !== 'string') throw fail('dtype is not text');
  if (!Object.hasOwn(BYTES_PER_ELEMENT, dtype)) throw fail(`unknown type "${printable(dtype)}"`);
  if (!Array.isArray(shape) || !shape.every(isCount)) throw fail('shape is not a list of sizes');
  if (!Array.isArray(range) || range.length !== 2 || !range.every(isCount))
    throw fail('data_offsets is not a pair of positions');
  const [begin, end] = range as [number, number];
  if (begin > end || end > fileSize - dataStart)
    throw fail(`bytes ${begin} to ${end} lie outside the ${fileSize - dataStart} bytes of data`);
  const type = dtype as StoredType;
  const expected = byteLength(type, shape);
  if (expected !== end - begin)
    throw fail(
      `${type} [${printable(shape.join(', '))}] takes ${expected ?? 'more than 2^53'} bytes, ${end - begin} given`,
    );
  return { name, type, shape, file, offset: dataStart + begin, length: end - begin };
}

/** Undefined where the product leaves the integers that numbers hold exactly. */
function byteLength(type: StoredType, shape: readonly number[]): number | undefined {
  let bytes: number = BYTES_PER_ELEMENT[type];
  for (const size of shape) {
    bytes *= size;
    if (!Number.isSafeInteger(bytes)) return undefined;
  }
  return bytes;
}

function checkCoverage(
  file: string,
  tensors: StoredTensor[],
  dataStart: number,
  fileSize: number,
): void {
  let position = dataStart;
  for (const tensor of tensors.sort((a, b) => a.offset - b.offset || a.length - b.length)) {
    if (tensor.offset !== position) {
      const problem = tensor.offset < position ? 'overlaps another tensor' : 'follows a gap';
      throw new SafetensorsError(file, `${problem} at byte ${tensor.offset}`, tensor.name);
    }
    position += tensor.length;
  }
  if (position !== fileSize)
    throw new SafetensorsError(file, `${fileSize - position} bytes after the last tensor`);
}
