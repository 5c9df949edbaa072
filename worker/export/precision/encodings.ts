/**
 * Ways to store a matrix (rows, columns) smaller than float32. Each works row by row, so that a matrix of
 * any size is encoded in pieces.
 */
import type { ElementType } from '../../onnx/model.ts';
import { toHalves } from './half.ts';

/** One tensor that an encoded matrix consists of. */
export interface EncodedPart {
  readonly suffix: string;
  readonly type: ElementType;
  readonly dims: readonly number[];
  /** Bytes that one row of the matrix takes. */
  readonly rowBytes: number;
}

export interface Encoding {
  parts(rows: number, columns: number): readonly EncodedPart[];
  /**
   * Encodes whole rows.
   * @param values (n, columns), row-major
   * @returns for each part the bytes of these n rows
   */
  encode(values: Float32Array, columns: number): readonly Uint8Array[];
}

const bytesOf = (array: Uint16Array | Float32Array): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

export const fp16Encoding: Encoding = {
  parts: (rows, columns) => [
    { suffix: 'fp16', type: 'float16', dims: [rows, columns], rowBytes: 2 * columns },
  ],
  encode: (values) => [bytesOf(toHalves(values))],
};

/** Signed 8 bits with one scale a row, for tables that rows are looked up in, and for kernels. */
export const int8RowsEncoding: Encoding = {
  parts: (rows, columns) => [
    { suffix: 'int8', type: 'int8', dims: [rows, columns], rowBytes: columns },
    { suffix: 'scales', type: 'float32', dims: [rows, 1], rowBytes: 4 },
  ],
  encode(values, columns) {
    const rows = values.length / columns;
    const codes = new Int8Array(values.length);
    const scales = new Float32Array(rows);
    for (let row = 0; row < rows; row++) {
      const start = row * columns;
      let largest = 0;
      for (let i = start; i < start + columns; i++)
        largest = Math.max(largest, Math.abs(values[i]!));
      const scale = largest / 127 || 1;
      scales[row] = scale;
      for (let i = start; i < start + columns; i++) codes[i] = Math.round(values[i]! / scale);
    }
    return [new Uint8Array(codes.buffer), bytesOf(scales)];
  },
};

export interface BlockShape {
  readonly bits: 4 | 8;
  readonly block: number;
}

/**
 * Unsigned integers around a middle of 2^(bits - 1), one scale for each block of columns: the layout of
 * the operator MatMulNBits. A last block that is not full is filled with zeros.
 * https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.MatMulNBits
 */
export function blocksEncoding({ bits, block }: BlockShape): Encoding {
  const blobBytes = (block * bits) / 8;
  const blocksOf = (columns: number) => Math.ceil(columns / block);
  return {
    parts(rows, columns) {
      const blocks = blocksOf(columns);
      return [
        {
          suffix: `int${bits}`,
          type: 'uint8',
          dims: [rows, blocks, blobBytes],
          rowBytes: blocks * blobBytes,
        },
        { suffix: 'scales', type: 'float32', dims: [rows * blocks], rowBytes: 4 * blocks },
      ];
    },
    encode(values, columns) {
      const rows = values.length / columns;
      const blocks = blocksOf(columns);
      const codes = new Uint8Array(rows * blocks * blobBytes);
      const scales = new Float32Array(rows * blocks);
      const middle = 2 ** (bits - 1);
      for (let row = 0; row < rows; row++)
        for (let b = 0; b < blocks; b++) {
          const start = row * columns + b * block;
          const end = Math.min(start + block, (row + 1) * columns);
          const scale = blockScale(values, start, end, middle);
          const index = row * blocks + b;
          scales[index] = scale;
          for (let i = 0; i < block; i++) {
            const value = start + i < end ? Math.round(values[start + i]! / scale) : 0;
            const code = Math.min(Math.max(value + middle, 0), 2 * middle - 1);
            const place = index * blobBytes + (bits === 8 ? i : i >> 1);
            codes[place]! |= bits === 8 ? code : code << (4 * (i & 1));
          }
        }
      return [codes, bytesOf(scales)];
    },
  };
}

/**
 * There is one code more below the middle than above. The value that is largest in magnitude gets that
 * one, which with 4 bits makes the steps an eighth finer; the scale may be negative for it.
 */
function blockScale(values: Float32Array, start: number, end: number, middle: number): number {
  let largest = 0;
  for (let i = start; i < end; i++)
    if (Math.abs(values[i]!) > Math.abs(largest)) largest = values[i]!;
  return -largest / middle || 1;
}
