/** Inputs in one form each: pictures as base64 bytes that look like a picture, text and tokens as given. */
import type { GenerateRequest, InputValue } from '../shared/api/generate.ts';
import { heldMask } from '../shared/api/inputs.ts';
import type { Model } from '../shared/api/models.ts';
import { pointerTo } from '../shared/api/pointer.ts';
import { refusal } from '../shared/api/problem.ts';
import { fromBase64 } from '../shared/base64.ts';
import { arrayType, HEAD_BYTES, pictureType } from '../shared/fileKinds.ts';
import { present } from '../shared/lookup.ts';
import { type PictureSize, pictureSize, sizeProblem } from '../shared/pictureSize.ts';
import { findModality, hiddenParts, inputForm } from '../shared/plan/names.ts';
import type { Files } from './body/files.ts';

const DATA_URL = /^data:[^,]{0,200};base64,/i;

type Bytes = Extract<InputValue, { readonly data: string }>;

/** The bytes of a file: of one that the body named, or of short base64. */
const bytesOf = (data: string, files: Files): Uint8Array => files.bytesOf(data) ?? fromBase64(data);

/** The first bytes of a file. */
function firstBytes(data: string, files: Files, name: string, pointer: string): Uint8Array {
  try {
    return files.stored(data)?.head ?? bytesOf(data, files).subarray(0, HEAD_BYTES);
  } catch {
    const detail = `${name} is not valid base64`;
    throw refusal('invalid_input', detail, pointer);
  }
}

/** By its header, where that tells it; of uploads what was found when they came. */
const sizeOf = (
  data: string,
  files: Files,
): { readonly [side in keyof PictureSize]?: number | undefined } =>
  files.stored(data) ?? pictureSize(bytesOf(data, files)) ?? {};

/** Refuses what no worker would decode before its work is counted, which grows with what a header declares. */
function refuseVast(data: string, files: Files, pointer: string): void {
  const { width = 0, height = 0 } = sizeOf(data, files);
  const vast = sizeProblem({ width, height });
  if (vast !== undefined) throw refusal('image_too_large', vast, pointer);
}

function file(name: string, value: string | Bytes, form: 'image' | 'file', files: Files): Bytes {
  const pointer = pointerTo('inputs', name);
  const what = form === 'image' ? 'a picture' : 'an array';
  const given = typeof value === 'string' ? value : value.data;
  const prefix = DATA_URL.exec(given.slice(0, 300))?.[0];
  if (prefix === undefined && typeof value === 'string') {
    const detail = `${name} is ${what}: give a data URL in base64, or a file`;
    throw refusal('invalid_input', detail, pointer);
  }
  const data = given.slice(prefix?.length ?? 0);
  const bytes = typeof value === 'string' ? { data } : { ...value, data };
  const start = firstBytes(data, files, name, pointer);
  if (form === 'file' && !arrayType(start)) {
    const detail = `${name} is neither a .npy nor a .safetensors file`;
    throw refusal('invalid_input', detail, pointer);
  }
  if (form === 'image' && !pictureType(start) && !arrayType(start)) {
    const detail = `${name} is neither a PNG nor a JPEG nor a WebP picture`;
    throw refusal('invalid_image', detail, pointer);
  }
  if (form === 'image') refuseVast(data, files, pointer);
  return bytes;
}

function checkMasks(name: string, value: InputValue, files: Files): void {
  const parts = hiddenParts(value);
  const isList = typeof value === 'object' && 'hide' in value && Array.isArray(value.hide);
  for (const [index, part] of parts.entries()) {
    if (!('mask' in part)) continue;
    const pointer = pointerTo('inputs', name, 'hide', ...(isList ? [index] : []), 'mask');
    const mask = heldMask(part.mask);
    if (pictureType(firstBytes(mask, files, 'the mask', pointer))) {
      refuseVast(mask, files, pointer);
      continue;
    }
    const detail = 'the mask is neither a PNG nor a JPEG nor a WebP picture';
    throw refusal('invalid_image', detail, pointer);
  }
}

/**
 * Inputs with every file as `{ data }`: base64, or the name of one of the files. Call after the request was planned, which knows the names.
 * @throws FailureError invalid_input, invalid_image, with the pointer of the input
 */
export function normaliseInputs(
  inputs: GenerateRequest['inputs'],
  model: Model,
  files: Files,
): GenerateRequest['inputs'] {
  const normal = Object.entries(inputs).map(([name, value]): [string, InputValue] => {
    checkMasks(name, value, files);
    const form = inputForm(present(findModality(model, name), `the modality of ${name}`), value);
    if (form !== 'image' && form !== 'file') return [name, value];
    if (typeof value === 'string' || 'data' in value) {
      return [name, file(name, value, form, files)];
    }
    return [name, value];
  });
  return Object.fromEntries(normal);
}

/**
 * Pixels of all pictures and masks together, which is the work of decoding them.
 * @param inputs as `normaliseInputs` answers them
 */
export function pixelsOf(inputs: GenerateRequest['inputs'], files: Files): number {
  const given = Object.values(inputs).flatMap((value) => [
    ...(typeof value === 'object' && 'data' in value ? [value.data] : []),
    ...hiddenParts(value).flatMap((part) => ('mask' in part ? [heldMask(part.mask)] : [])),
  ]);
  return given.reduce((sum, data) => {
    const { width = 0, height = 0 } = sizeOf(data, files);
    return sum + width * height;
  }, 0);
}
