/** Writes safetensors files for tests. */
import { writeFile } from 'node:fs/promises';

export interface TensorToWrite {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

export const f32 = (shape: readonly number[], values: readonly number[]): TensorToWrite => ({
  dtype: 'F32',
  shape,
  data: new Uint8Array(Float32Array.from(values).buffer),
});

export function safetensorsBytes(
  tensors: Readonly<Record<string, TensorToWrite>>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const header: Record<string, unknown> = { __metadata__: metadata };
  let position = 0;
  for (const [name, { dtype, shape, data }] of Object.entries(tensors)) {
    header[name] = { dtype, shape, data_offsets: [position, position + data.length] };
    position += data.length;
  }
  return withHeader(header, Buffer.concat(Object.values(tensors).map(({ data }) => data)));
}

/** A file of any header, well-formed or not. */
export function withHeader(header: unknown, data: Uint8Array = new Uint8Array()): Uint8Array {
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  // A plain array: slices of a Buffer would share its memory.
  return new Uint8Array(Buffer.concat([length, json, data]));
}

export const writeSafetensors = (
  file: string,
  tensors: Readonly<Record<string, TensorToWrite>>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> => writeFile(file, safetensorsBytes(tensors, metadata));
