/** Bytes in requests, and bytes out of answers. */
import type { Hidden, InputValue } from '../api/inputs.ts';
import { fromBase64, toBase64 } from '../base64.ts';

export type Bytes = Blob | ArrayBuffer | Uint8Array;

/** What is hidden of a picture; a mask can be its bytes. */
export type HiddenFile =
  | Hidden
  | { readonly mask: Bytes; readonly hides?: 'white' | 'transparent' | undefined };

/** A file as an input: its bytes, or these and what of them is hidden. */
export type FileInput =
  | Bytes
  | {
      readonly data: Bytes | string;
      readonly hide?: HiddenFile | readonly HiddenFile[] | undefined;
    };

/** A request in which files stand wherever it takes inputs; of names that a caller chooses some may be undefined. */
export type WithFiles<T> = [InputValue] extends [T]
  ? T | FileInput
  : T extends string | number | boolean | null | undefined
    ? T
    : { [K in keyof T]: WithFiles<T[K]> | (string extends K ? undefined : never) };

/** Larger files are uploaded before the request that names them. */
const INLINE_BYTES = 4_000_000;

export const isBytes = (value: unknown): value is Bytes =>
  value instanceof Blob || value instanceof ArrayBuffer || value instanceof Uint8Array;

const sizeOf = (bytes: Bytes): number => (bytes instanceof Blob ? bytes.size : bytes.byteLength);

async function base64Of(bytes: Bytes): Promise<string> {
  const buffer = bytes instanceof Blob ? await bytes.arrayBuffer() : bytes;
  return toBase64(buffer instanceof Uint8Array ? buffer : new Uint8Array(buffer));
}

type Upload = (bytes: Bytes) => Promise<{ readonly id: string }>;

const fileOf = async (bytes: Bytes, upload: Upload): Promise<object> =>
  sizeOf(bytes) > INLINE_BYTES
    ? { upload: (await upload(bytes)).id }
    : { data: await base64Of(bytes) };

/**
 * The same request with every file in the form that JSON has for it. What has no file is not copied.
 * @throws as `upload` does
 */
export async function sendable(value: unknown, upload: Upload): Promise<unknown> {
  if (isBytes(value)) return await fileOf(value, upload);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    // Tokens and numbers of vectors are not looked at one by one.
    if (typeof value[0] !== 'object') return value;
    const items: unknown[] = [];
    for (const item of value) items.push(await sendable(item, upload));
    return items;
  }
  const fields: Record<string, unknown> = {};
  for (const [key, field] of Object.entries(value)) {
    if (key === 'data' && isBytes(field)) Object.assign(fields, await fileOf(field, upload));
    else if (key === 'mask' && isBytes(field)) fields.mask = await base64Of(field);
    else fields[key] = await sendable(field, upload);
  }
  return fields;
}

/** The bytes of a data URL, without `fetch`, which pages may forbid and Workers do not have for it. */
export function readDataUrl(url: string): Blob {
  const comma = url.indexOf(',');
  const [type = '', ...parameters] = url.slice('data:'.length, comma).split(';');
  const text = url.slice(comma + 1);
  const isBase64 = parameters.at(-1) === 'base64';
  return new Blob([isBase64 ? fromBase64(text) : decodeURIComponent(text)], { type });
}
