/** Inputs in one form each: pictures as base64 bytes that look like a picture, text and tokens as given. */
import type { GenerateRequest, InputValue } from '../shared/api/generate.ts';
import type { Model } from '../shared/api/models.ts';
import { findModality, inputForm, inputPointer } from '../shared/api/validate.ts';
import { fromBase64 } from '../shared/cacheKey.ts';
import { fail } from './problems.ts';

const startsWith = (bytes: Uint8Array, text: string, at = 0): boolean =>
  [...text].every((character, i) => bytes[at + i] === character.charCodeAt(0));

/** PNG, JPEG or WebP by their first bytes; whether the rest holds is the worker's to find out. */
export const looksLikePicture = (bytes: Uint8Array): boolean =>
  startsWith(bytes, '\x89PNG\r\n\x1a\n') ||
  startsWith(bytes, '\xff\xd8\xff') ||
  (startsWith(bytes, 'RIFF') && startsWith(bytes, 'WEBP', 8));

const DATA_URL = /^data:[^,]{0,200};base64,/i;

function picture(name: string, value: string | { readonly data: string }): InputValue {
  const pointer = inputPointer(name);
  const refuse = (code: 'invalid_input' | 'invalid_image', detail: string): never =>
    fail({ code, detail, errors: [{ detail, pointer }] });
  const prefix = typeof value === 'string' ? DATA_URL.exec(value.slice(0, 300))?.[0] : '';
  if (prefix === undefined) {
    return refuse('invalid_input', `${name} is a picture: give a data URL in base64, or a file`);
  }
  const data = typeof value === 'string' ? value.slice(prefix.length) : value.data;
  let start: Uint8Array;
  try {
    // All of it is decoded, so that a broken end is found here as well.
    start = fromBase64(data).subarray(0, 16);
  } catch {
    return refuse('invalid_input', `${name} is not valid base64`);
  }
  if (!looksLikePicture(start)) {
    return refuse('invalid_image', `${name} is neither a PNG nor a JPEG nor a WebP picture`);
  }
  return { data };
}

/**
 * The request with every picture as `{ data }`. Call after `checkGenerate`, which knows the names.
 * @throws FailureError invalid_input, invalid_image, with the pointer of the input
 */
export function normaliseInputs(request: GenerateRequest, model: Model): GenerateRequest {
  const inputs = Object.entries(request.inputs).map(([name, value]): [string, InputValue] => {
    const entry = findModality(model, name)!;
    if (inputForm(entry, value) !== 'image') return [name, value];
    if (typeof value === 'string' || 'data' in value) return [name, picture(name, value)];
    return [name, value];
  });
  return { ...request, inputs: Object.fromEntries(inputs) };
}
