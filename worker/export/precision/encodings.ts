/**
 * Ways to store a matrix (rows, columns) smaller than float32. Each works row by row, so that a matrix of
 * any size is encoded in pieces.
 */
import { toHalves } from '../../../shared/half.ts';
import { itemAt } from '../../../shared/lookup.ts';
import type { ElementType } from '../../onnx/model.ts';

/** One tensor that an encoded matrix consists of. */
export interface EncodedPart {
  readonly suffix: string;
  readonly type: ElementType;
  readonly dims: readonly number[];
  /** Bytes that one row of the matrix takes. */
  readonly rowBytes: number;
  /** The part is stored as (columns, rows), one byte an item; `encode` gives it as (rows, columns). */
  readonly transposed?: true;
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
      const end = start + columns;
      const scale = Math.abs(blockScale(values, start, end, 127)) || 1;
      scales[row] = scale;
      // Moved above zero for a moment, where cutting off rounds.
      for (let i = start; i < end; i++)
        codes[i] = ((itemAt(values, i, 'values') / scale + 128.5) | 0) - 128;
    }
    return [new Uint8Array(codes.buffer), bytesOf(scales)];
  },
};

/**
 * As `int8RowsEncoding`, with the codes stored as (columns, rows): the right side of an integer product
 * with a scale for each output. The codes stay within 127, so that both signs have the same steps.
 */
export const int8ProductEncoding: Encoding = {
  parts: (rows, columns) => [
    {
      suffix: 'int8_product',
      type: 'int8',
      dims: [columns, rows],
      rowBytes: columns,
      transposed: true,
    },
    { suffix: 'product_scales', type: 'float32', dims: [rows], rowBytes: 4 },
  ],
  encode: int8RowsEncoding.encode,
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
      const zero = bits === 8 ? middle : middle | (middle << 4);
      const encodeBlock = bits === 8 ? encodeBytes : encodeNibbles;
      for (let row = 0; row < rows; row++)
        for (let b = 0; b < blocks; b++) {
          const start = row * columns + b * block;
          const end = Math.min(start + block, (row + 1) * columns);
          const scale = blockScale(values, start, end, middle);
          const index = row * blocks + b;
          scales[index] = scale;
          const place = index * blobBytes;
          if (end - start < block) codes.fill(zero, place, place + blobBytes);
          encodeBlock(values, start, end, 1 / scale, codes, place);
        }
      return [codes, bytesOf(scales)];
    },
  };
}

/** Writes the codes of `values[start..end)` from `place` on. */
type EncodeBlock = (
  values: Float32Array,
  start: number,
  end: number,
  inverseScale: number,
  codes: Uint8Array,
  place: number,
) => void;

const encodeBytes: EncodeBlock = (values, start, end, inverseScale, codes, place) => {
  for (let i = start; i < end; i++) {
    // Never negative, so that cutting off rounds.
    const code = (itemAt(values, i, 'values') * inverseScale + 128.5) | 0;
    codes[place + i - start] = Math.min(code, 255);
  }
};

/** Two codes a byte, the first one in the lower half. */
const encodeNibbles: EncodeBlock = (values, start, end, inverseScale, codes, place) => {
  for (let i = start; i < end; i++) {
    const code = Math.min((itemAt(values, i, 'values') * inverseScale + 8.5) | 0, 15);
    const at = place + ((i - start) >> 1);
    codes[at] =
      (i - start) & 1
        ? (itemAt(codes, at, 'codes') & 0x0f) | (code << 4)
        : (itemAt(codes, at, 'codes') & 0xf0) | code;
  }
};

/**
 * There is one code more below the middle than above. The value that is largest in magnitude gets that
 * one, which with 4 bits makes the steps an eighth finer; the scale may be negative for it.
 */
function blockScale(values: Float32Array, start: number, end: number, middle: number): number {
  let highest = 0;
  let lowest = 0;
  for (let i = start; i < end; i++) {
    const value = itemAt(values, i, 'values');
    if (value > highest) highest = value;
    else if (value < lowest) lowest = value;
  }
  return (highest > -lowest ? -highest : -lowest) / middle || 1;
}
