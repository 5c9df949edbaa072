/**
 * The protobuf wire format, writing side only: each function returns one encoded field, a message is
 * its fields in a row. Graphs are kilobytes (weights stay outside), so copies are cheap and plain.
 * https://protobuf.dev/programming-guides/encoding/
 */

const VARINT = 0;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;

const encoder = new TextEncoder();

/** Joins encoded fields into one message. */
export function message(...fields: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(fields.reduce((total, field) => total + field.length, 0));
  let offset = 0;
  for (const field of fields) {
    joined.set(field, offset);
    offset += field.length;
  }
  return joined;
}

function base128(value: number | bigint): Uint8Array {
  const bytes: number[] = [];
  // Negative int64 are written as their 64-bit two's complement, always ten bytes.
  let rest = BigInt.asUintN(64, BigInt(value));
  while (rest > 0x7fn) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}

const tag = (field: number, wireType: number): Uint8Array => base128((field << 3) | wireType);

/** int32, int64, enum and bool fields. */
export const integer = (field: number, value: number | bigint): Uint8Array =>
  message(tag(field, VARINT), base128(value));

/** Sub-messages and `bytes` fields. */
export const bytes = (field: number, value: Uint8Array): Uint8Array =>
  message(tag(field, LENGTH_DELIMITED), base128(value.length), value);

export const text = (field: number, value: string): Uint8Array =>
  bytes(field, encoder.encode(value));

/** A 32-bit float field. */
export function float(field: number, value: number): Uint8Array {
  const data = new Uint8Array(4);
  new DataView(data.buffer).setFloat32(0, value, true);
  return message(tag(field, FIXED32), data);
}
