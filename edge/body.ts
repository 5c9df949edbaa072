/** Reading request bodies within bounds: JSON and multipart form data -> the value to validate. */
import { type FieldKind, type Form, REQUEST_FIELD } from '../shared/api/form.ts';
import { pointerTo } from '../shared/api/pointer.ts';
import { refusal } from '../shared/api/problem.ts';

/**
 * Reads and drops what is left of a refused body, up to `limit` bytes: a connection that is answered
 * while its client still sends is reset, which loses the answer, and in `wrangler dev` the next one.
 */
async function drain(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  limit: number,
): Promise<void> {
  let dropped = 0;
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    dropped += next.value.byteLength;
    if (dropped > limit) return await reader.cancel();
  }
}

/** @throws FailureError `too_large` when the bound is passed, announced or not */
async function readBytes(request: Request, limit: number): Promise<Uint8Array<ArrayBuffer>> {
  if (!request.body) return new Uint8Array(0);
  const reader = request.body.getReader();
  const refuse = async (): Promise<never> => {
    await drain(reader, limit);
    throw refusal('too_large', `a request body has at most ${limit} bytes`);
  };
  if (Number(request.headers.get('content-length') ?? 0) > limit) await refuse();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    length += next.value.byteLength;
    if (length > limit) await refuse();
    chunks.push(next.value);
  }
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return bytes;
}

/** Base64 of bytes. `btoa` takes text, and a call takes only so many arguments: hence the pieces. */
function toBase64(bytes: Uint8Array): string {
  const pieces: string[] = [];
  for (let i = 0; i < bytes.length; i += 0x8000) {
    pieces.push(String.fromCharCode(...bytes.subarray(i, i + 0x8000)));
  }
  return btoa(pieces.join(''));
}

function parseJson(text: string, what: string, pointer?: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const detail = `${what} is not valid JSON: ${cause instanceof Error ? cause.message : cause}`;
    throw refusal('invalid_json', detail, pointer, { cause });
  }
}

/** `depth,normal`, `{"modality":"depth"}` or `["depth"]`: what one `targets` field names. */
function parseTargets(text: string): unknown[] {
  const trimmed = text.trim();
  if (trimmed.startsWith('{')) return [parseJson(trimmed, 'targets', pointerTo('targets'))];
  if (trimmed.startsWith('[')) {
    const parsed = parseJson(trimmed, 'targets', pointerTo('targets'));
    return Array.isArray(parsed) ? parsed : [parsed];
  }
  return trimmed
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Field text -> the JSON value it stands for; what does not fit is left for the schema to refuse. */
function fieldValue(kind: FieldKind, text: string): unknown {
  if (kind === 'number') return /^\d+$/.test(text) ? Number(text) : text;
  if (kind === 'flag') return text === 'true' ? true : text === 'false' ? false : text;
  return text;
}

/** Fields that are not settings are inputs: files as bytes, text as it is. Fields win over `request`. */
async function fromForm(form: FormData, { settings: kinds, lists }: Form): Promise<unknown> {
  const rest = form.get(REQUEST_FIELD);
  const base = typeof rest === 'string' ? parseJson(rest, 'request', pointerTo('request')) : {};
  if (!isObject(base)) {
    const detail = 'the field `request` holds a JSON object';
    throw refusal('invalid_request', detail, pointerTo('request'));
  }
  const inputs = new Map(Object.entries(isObject(base.inputs) ? base.inputs : {}));
  const settings: Record<string, unknown> = {};
  const targets: unknown[] = [];
  for (const [name, value] of form) {
    if (name === REQUEST_FIELD) continue;
    const kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined;
    if (typeof value !== 'string') {
      inputs.set(name, { data: toBase64(new Uint8Array(await value.arrayBuffer())) });
    } else if (lists.includes(name)) targets.push(...parseTargets(value));
    else if (kind) settings[name] = fieldValue(kind, value);
    else inputs.set(name, value);
  }
  return {
    ...base,
    ...settings,
    ...(targets.length > 0 && { targets }),
    inputs: Object.fromEntries(inputs),
  };
}

/**
 * The body as a value that the schema can judge.
 * @throws FailureError too_large, empty_request, unsupported_media_type, invalid_json, invalid_multipart
 */
export async function readRequest(request: Request, limit: number, form?: Form): Promise<unknown> {
  const contentType = request.headers.get('content-type') ?? '';
  const kind = contentType.split(';')[0]!.trim().toLowerCase();
  if (kind !== '' && kind !== 'application/json' && (kind !== 'multipart/form-data' || !form)) {
    const taken = form ? 'application/json or multipart/form-data' : 'application/json';
    const detail = `send ${taken}, not ${kind}`;
    throw refusal('unsupported_media_type', detail);
  }
  const bytes = await readBytes(request, limit);
  if (bytes.length === 0) throw refusal('empty_request', 'the request has no body');
  if (kind === '') throw refusal('unsupported_media_type', 'the content type is missing');
  if (kind === 'application/json' || !form) {
    let text: string;
    try {
      text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    } catch {
      throw refusal('invalid_json', 'the body is not UTF-8');
    }
    return parseJson(text, 'the body');
  }
  let fields: FormData;
  try {
    fields = await new Response(bytes, { headers: { 'content-type': contentType } }).formData();
  } catch {
    throw refusal('invalid_multipart', 'the form data ends early or has no boundary');
  }
  return await fromForm(fields, form);
}
